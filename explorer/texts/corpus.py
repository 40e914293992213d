"""A corpus of one's own: a folder of .txt files, or a .jsonl file."""

import codecs
import json
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from explorer.base.errors import BadInputError
from explorer.base.formatting import counted, human_bytes
from explorer.base.language import tr
from explorer.specs.cleaning import clean, decode
from explorer.specs.texts import CorpusSpec
from explorer.texts.passages import Passage, excerpt, pick

MAX_CORPUS_BYTES = 200_000_000
"""Largest corpus; it is read into memory."""

NAMED_PROBLEMS = 5
"""How many unreadable texts an error names."""

Texts = tuple[tuple[str, str], ...]
"""Name and text of each document."""


def read_corpus(path: Path) -> Texts:
    """Return every text of a corpus with its name, in the order of names or lines.

    All or nothing: leaving out a text that cannot be read would change what a seed draws.

    Raises:
        BadInputError: if there is no such corpus, or if it holds something that is not a text;
            the message names the first few.
    """
    try:
        if path.is_dir():
            texts = (file for file in path.iterdir() if file.suffix.lower() == ".txt")
            files = sorted(file for file in texts if not file.is_dir())
        elif path.suffix.lower() == ".jsonl":
            files = [path]
        else:
            files = []
        if not files:
            raise BadInputError(
                tr(
                    "{path} is not a corpus: it must be a folder of .txt files, or a .jsonl file "
                    'with a "text" in every line.',
                    path=path,
                )
            )
        stats = [file.stat() for file in files]
        if sum(stat.st_size for stat in stats) > MAX_CORPUS_BYTES:
            raise BadInputError(
                tr(
                    "The corpus {path} is larger than {size}. Choose a part of it.",
                    path=path,
                    size=human_bytes(MAX_CORPUS_BYTES),
                )
            )
        signature = tuple((stat.st_size, stat.st_mtime_ns) for stat in stats)
        return _read(tuple(files), signature)
    except OSError as error:
        raise BadInputError(
            tr(
                "{file} cannot be read ({reason}). Check the corpus {path}.",
                file=error.filename or path,
                reason=error.strerror,
                path=path,
            )
        ) from error


@lru_cache(maxsize=2)
def _read(files: tuple[Path, ...], signature: tuple[tuple[int, int], ...]) -> Texts:
    """Read the files; sizes and times of change are there for the cache to see."""
    texts: list[tuple[str, str]] = []
    problems: list[str] = []
    for name, data, read in _documents(files):
        try:
            texts.append((name, read(name, data)))
        except BadInputError as error:
            problems.append(str(error))
    if problems:
        more = len(problems) - NAMED_PROBLEMS
        raise BadInputError(
            tr(
                "{bad} of {texts} cannot be read.",
                bad=len(problems),
                texts=counted(len(problems) + len(texts), "text"),
            )
            + " "
            + " ".join(problems[:NAMED_PROBLEMS])
            + (" " + tr("And {count} more.", count=f"{more:,}") if more > 0 else "")
        )
    if not texts:
        raise BadInputError(
            tr("{name} holds no texts. Put one JSON object on each line.", name=files[0].name)
        )
    return tuple(texts)


def _documents(files: Iterable[Path]) -> Iterator[tuple[str, bytes, Callable[[str, bytes], str]]]:
    """Yield every document: its name, its bytes, and what makes a text of them."""
    for file in files:
        data = file.read_bytes()
        if file.suffix.lower() == ".txt":
            yield file.name, data, decode
        else:
            if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                data = decode(file.name, data).encode()  # its lines end in two bytes
            for number, line in enumerate(data.splitlines(), start=1):
                if line.strip():
                    name = f"{file.name}, line {number}"  # it is kept as the title of a text
                    yield name, line, _text_of_line


def _text_of_line(name: str, line: bytes) -> str:
    """Return the text in one line of JSON.

    Raises:
        BadInputError: if there is none.
    """
    try:
        value = json.loads(decode(name, line))
    except (ValueError, RecursionError) as error:
        raise BadInputError(tr("{name} is not JSON.", name=name)) from error
    text = value.get("text") if isinstance(value, dict) else None
    if not isinstance(text, str):
        raise BadInputError(tr('{name} has no "text".', name=name))
    return clean(text)


def passage(spec: CorpusSpec) -> Passage:
    """Draw the beginning of one of the texts.

    Raises:
        BadInputError: if the corpus cannot be read.
        EndOfSourceError: if it has fewer texts than the index asks for.
    """
    texts = read_corpus(spec.path)
    name, text = texts[
        pick(len(texts), spec.seed, spec.index, tr("texts in {name}", name=spec.path.name))
    ]
    return Passage(excerpt(text.strip(), 0, spec.characters), name, spec, work=name)
