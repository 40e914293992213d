"""Random words: text without meaning (D1)."""

import random
from functools import lru_cache
from itertools import islice
from pathlib import Path

from explorer.base.errors import BadInputError, disk_errors
from explorer.base.language import later, tr
from explorer.specs.texts import RandomSpec
from explorer.texts.passages import Passage

VOCABULARY = 100_000
"""How many of the most frequent words are drawn from."""

LONGEST_LINE = 100_000
"""Characters of a line beyond which a file is no list of word vectors."""


@lru_cache(maxsize=1)
def frequent_words() -> tuple[str, ...]:
    """Return the most frequent 100,000 English words by wordfreq."""
    from wordfreq import top_n_list

    return tuple(top_n_list("en", VOCABULARY))


def glove_words(path: Path) -> tuple[str, ...]:
    """Return the words of a GloVe file's first 100,000 lines, which are the most frequent ones.

    A line is a word and its vector, separated by spaces; the vectors are not kept.

    Raises:
        BadInputError: if there is no such file or it is not in this format.
    """
    try:
        with disk_errors(
            tr("The GloVe file {path} cannot be read", path=path),
            later("Check its path."),
            BadInputError,
        ):
            stat = path.stat()
            return _glove_words(path, stat.st_size, stat.st_mtime_ns)
    except UnicodeDecodeError as error:
        raise BadInputError(
            tr(
                "{name} is not text, so it is not a GloVe file. If it is compressed, unpack it.",
                name=path.name,
            )
        ) from error


@lru_cache(maxsize=2)
def _glove_words(path: Path, size: int, modified: int) -> tuple[str, ...]:
    """Read the words; size and time of change are there for the cache to see."""
    words: list[str] = []
    dimensions = 0
    with path.open(encoding="utf-8", newline="\n") as file:
        lines = iter(lambda: file.readline(LONGEST_LINE), "")
        for number, line in enumerate(islice(lines, VOCABULARY), start=1):
            dimensions = dimensions or line.rstrip().count(" ")
            word, *vector = line.rstrip().rsplit(" ", dimensions)
            if not word.strip() or len(vector) != dimensions or not _is_vector(vector):
                raise BadInputError(
                    tr(
                        "{name} is not a GloVe file: line {number} is not a word followed by as "
                        "many numbers as in line 1. Every line must be a word and its vector, "
                        "separated by spaces, without a header.",
                        name=path.name,
                        number=number,
                    )
                )
            words.append(word)
    if not words:
        raise BadInputError(
            tr("{name} is empty. Choose a GloVe file, one word a line.", name=path.name)
        )
    return tuple(words)


def _is_vector(parts: list[str]) -> bool:
    """Tell whether these are several numbers; the first and the last stand for the others."""
    try:
        float(parts[0]), float(parts[-1])
    except (IndexError, ValueError):
        return False
    return len(parts) > 1


def passage(spec: RandomSpec) -> Passage:
    """Draw words uniformly, each independent of the others, until there are enough characters.

    Raises:
        BadInputError: if the GloVe file cannot be used.
    """
    words = frequent_words() if spec.path is None else glove_words(spec.path)
    numbers = random.Random(f"{spec.seed}/{spec.index}")  # noqa: S311  # a draw, not a secret
    drawn: list[str] = []
    length = -1
    while True:
        word = words[int(numbers.random() * len(words))]
        length += len(word) + 1
        if drawn and length > spec.characters:
            break
        drawn.append(word)
    return Passage(" ".join(drawn), f"Random words (seed {spec.seed}, draw {spec.index})", spec)
