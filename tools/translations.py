"""Bring the interface's words into the files of its languages: `python -m tools.translations`.

Reads what `tr`, `later` and `counted` mark in the code and in the scripts of components, what the
gallery says, and `explorer/data/words.toml`. New sentences come into each
`explorer/data/languages/*.po` without a translation, gone ones leave it; a page's words stand
together, below the name of its file. `--new CODE` begins a language, `--check` changes nothing and
fails where a sentence has no translation or fills other places than the English one.
"""

import argparse
import string
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from explorer.base.language import FOLDER
from explorer.texts import gallery

ROOT = Path(__file__).resolve().parent.parent
SENTENCES: dict[str, Any] = {"tr": None, "later": None}
NOUNS: dict[str, Any] = {"counted": {2: (2,), 3: (2, 3)}}
"""Of `counted`: the noun for one, and the one for more where that is not an s away."""
METHODS = [(f"{where}.py", "python") for where in ("app", "pages/**", "widgets/**", "explorer/**")]
METHODS += [("widgets/**.js", "javascript")]
WORDS = FOLDER.parent / "words.toml"
"""Words that results hold and no code marks."""
WIDTH = 100
HEADER: dict[str, Any] = {
    "project": "Proto-Token Explorer",
    "copyright_holder": "the Proto-Token Explorer authors",
    "charset": "utf-8",
    "fuzzy": False,
    "header_comment": "# The interface's own words; renewed by python -m tools.translations.",
}


def english() -> Catalog:
    """Return every sentence that is marked, with the files it stands in."""
    found = Catalog(charset="utf-8")
    for keywords in (SENTENCES, NOUNS):
        for file, line, message, _, _ in extract_from_dir(ROOT, METHODS, keywords=keywords):
            more = (message, f"{message}s") if keywords is NOUNS else (message,)
            for each in more if isinstance(message, str) else message:
                found.add(each, locations=[(file, line)])
    for source, sentence in _of_data():
        found.add(sentence, locations=[(str(source.relative_to(ROOT)), 1)])
    return found


def _of_data() -> Iterator[tuple[Path, str]]:
    for entry in tomllib.loads(gallery.FILE.read_text(encoding="utf-8")).values():
        yield from ((gallery.FILE, entry[said]) for said in ("title", "shows"))
    for words in tomllib.loads(WORDS.read_text(encoding="utf-8")).values():
        yield from ((WORDS, word) for word in words)


def places(sentence: str) -> set[str]:
    """Return the places that a sentence leaves to be filled."""
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def faults(catalog: Catalog) -> list[str]:
    """Return what is wrong with the translations of a language, a line each."""
    said = []
    for message in _messages(catalog):
        if not message.string or message.fuzzy:
            said.append(f"not translated: {message.id}")
        elif message.python_brace_format and places(str(message.id)) != places(str(message.string)):
            said.append(f"fills other places: {message.id}")
    return said


def _messages(catalog: Catalog) -> Iterator[Message]:
    return (message for message in catalog if message.id)


def read(file: Path) -> Catalog:
    """Return what a file holds."""
    with file.open("rb") as source:
        return read_po(source)


def renewed(file: Path, template: Catalog) -> Catalog:
    """Return a language with the sentences that there are now."""
    catalog = read(file) if file.is_file() else Catalog(locale=file.stem, **HEADER)
    catalog.update(template, no_fuzzy_matching=True)
    catalog.obsolete.clear()
    return catalog


def main(arguments: list[str]) -> int:
    """Renew or check every language; return how many faults there are."""
    parser = argparse.ArgumentParser(prog="python -m tools.translations", description=__doc__)
    parser.add_argument("--new", metavar="CODE", help="begin a language")
    parser.add_argument("--check", action="store_true", help="change nothing")
    asked = parser.parse_args(arguments)
    files = sorted(FOLDER.glob("*.po"))
    if asked.new:
        files.append(FOLDER / f"{asked.new}.po")
    template, found = english(), 0
    for file in files:
        catalog = renewed(file, template)
        wrong = faults(catalog)
        found += len(wrong)
        print("\n".join([f"{file.name}: {len(catalog)} sentences", *wrong]))
        if not asked.check:
            with file.open("wb") as target:
                write_po(target, catalog, width=WIDTH, sort_by_file=True, include_lineno=False)
    return found


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
