"""The interface's own words in the language of who looks: gettext, from one file a language.

`tr("…")` marks a sentence and returns it in that language; where one is not translated, in English.
`later("…")` marks what a constant holds, for a `tr` where it is shown. The files are
`explorer/data/languages/*.po`, which every translator's tool opens; `python -m tools.translations`
brings new sentences into them. What people write, models output and records hold stays as it is.
"""

import gettext
import io
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

FOLDER = Path(__file__).resolve().parent.parent / "data" / "languages"
ENGLISH = "en"
NAMES = {ENGLISH: "English", "de": "Deutsch"}
"""Every language, by its ISO 639 code, as its speakers call it."""


def _english() -> str:
    return ENGLISH


_current: Callable[[], str] = _english


def follow(current: Callable[[], str]) -> None:
    """Ask `current` from now on for the language of who looks, whenever something is said.

    Streamlit runs a page, and each part of it, in threads that come and go: what a thread was told
    once, the next one does not know.
    """
    global _current  # noqa: PLW0603 (one process, one way to ask)
    _current = current


def current() -> str:
    """Return the code of the language that is spoken now."""
    return _current()


def _read(language: str) -> Catalog | None:
    file = FOLDER / f"{language}.po"
    if language == ENGLISH or not file.is_file():
        return None
    with file.open("rb") as source:
        return read_po(source)


@lru_cache
def words_of(language: str) -> gettext.NullTranslations:
    """Return the sentences of a language; of English, those of the code."""
    catalog = _read(language)
    if catalog is None:
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def tr(sentence: str, /, **values: object) -> str:
    """Return `sentence` in the language of who looks, with `values` in the places it names.

    Args:
        sentence: English, written out where it is called, so that it is found; `{name}` is filled.
        **values: what stands in those places.
    """
    found = words_of(current()).gettext(sentence) if sentence else ""
    return found.format(**values) if values else found


@lru_cache
def _sources() -> dict[str, str]:
    catalogs = [catalog for code in NAMES if (catalog := _read(code)) is not None]
    pairs = [(str(each.string), str(each.id)) for catalog in catalogs for each in catalog]
    return dict(sorted(pairs, key=lambda pair: pair[1][:1].isupper()))  # a choice begins with one


def said_in(language: str, words: str) -> str:
    """Return words that a page shows in any language as it shows them in another."""
    found = _sources().get(words, words)
    return words_of(language).gettext(found) if found else ""


def later(sentence: str, /) -> str:
    """Return `sentence` as it is, marked for translation where it is shown."""
    return sentence
