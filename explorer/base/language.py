"""The interface's own words in the language of who looks: gettext, from one file a language.

`tr("…")` marks a sentence and returns it in that language; where one is not translated, in English.
`later("…")` marks what a constant holds, for a `tr` where it is shown. The files are
`explorer/data/languages/*.po`, which every translator's tool opens; `python -m tools.translations`
brings new sentences into them. What people write, models output and records hold stays as it is.
"""

import gettext
import io
import re
import string
from collections.abc import Callable
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

FOLDER = Path(__file__).resolve().parent.parent / "data" / "languages"
ENGLISH = "en"
NAMES = {ENGLISH: "English", "de": "Deutsch"}
"""Every language, by its ISO 639 code, as its speakers call it."""
NARROW = "\N{NARROW NO-BREAK SPACE}"
SEPARATORS = {"de": f",{NARROW}"}
"""What stands before decimals and between thousands, where that is other than in English."""
_AMOUNT = re.compile(r"[\W\d_]*(?:(?:ms|s|min|h|nats|bits|[kMGTB]?B|[kMBT])\b[\W\d_]*)*")
_NUMBER = re.compile(r"(?<![\d.])(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d+))?(%?)(?!\.?\d)")
"""A number that is none of the parts of a version or an address, such as 5.23.0."""
_KNOWN_BY = 18
"""Letters that a sentence has to hold besides its values to be known again by them alone."""


def _english() -> str:
    return ENGLISH


_current: Callable[[], str] = _english
_instead: ContextVar[str | None] = ContextVar("instead", default=None)
"""The language in which something is said now, whoever looks."""
_heard: set[str] = set()


def follow(current: Callable[[], str]) -> None:
    """Ask `current` from now on for the language of who looks, whenever something is said.

    Streamlit runs a page, and each part of it, in threads that come and go: what a thread was told
    once, the next one does not know.
    """
    global _current  # noqa: PLW0603 (one process, one way to ask)
    _current = current


def current() -> str:
    """Return the code of the language that is spoken now."""
    return _instead.get() or _current()


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


def amount(text: str) -> str:
    """Return numbers, with or without units, as the language of who looks writes them.

    "1,234.5" is "1 234,5" in German: a comma there would be read as the beginning of decimals. What
    holds other words is returned as it is.
    """
    separators = SEPARATORS.get(current())
    if separators is None or not _AMOUNT.fullmatch(text):
        return text

    def written(found: re.Match[str]) -> str:
        whole, decimals, percent = found.groups()
        said = whole.replace(",", separators[1])
        said += f"{separators[0]}{decimals}" if decimals else ""
        return said + (f"{NARROW}%" if percent else "")

    return _NUMBER.sub(written, text)


def tr(sentence: str, /, **values: object) -> str:
    """Return `sentence` in the language of who looks, with `values` in the places it names.

    Args:
        sentence: English, written out where it is called, so that it is found; `{name}` is filled.
        **values: what stands in those places; amounts are written as there, if not “quoted”.
    """
    found = words_of(current()).gettext(sentence) if sentence else ""
    if not values:
        return found
    said = {
        name: amount(v) if isinstance(v, str) and f"“{{{name}}}”" not in sentence else v
        for name, v in values.items()
    }
    return found.format(**said)


@lru_cache
def _sources() -> dict[str, str]:
    catalogs = [catalog for code in NAMES if (catalog := _read(code)) is not None]
    pairs = [(str(each.string), str(each.id)) for catalog in catalogs for each in catalog]
    return dict(sorted(pairs, key=lambda pair: pair[1][:1].isupper()))  # a choice begins with one


def said_in(language: str, words: str) -> str:
    """Return words that a page shows in any language as it shows them in another."""
    found = _sources().get(words, words)
    return words_of(language).gettext(found) if found else ""


@lru_cache
def _shapes(language: str) -> list[tuple[str, re.Pattern[str], bool]]:
    """Return sentences with places for values, the longest first.

    With what finds each filled, and whether that is enough to know it by: a short one, such as
    “{few} to {many}”, is known only where all its values are amounts.
    """
    found = []
    for message in _read(language) or ():
        if not message.python_brace_format:
            continue
        shape, own, seen = "", 0, set[str]()
        for text, name, *_ in string.Formatter().parse(str(message.id)):
            shape, own = shape + re.escape(text), own + len(text)
            if name is not None and name.isidentifier():  # others are Plotly's
                many = ".*?" if shape else ".*"  # what comes behind a sentence is at its end
                shape += f"(?P={name})" if name in seen else f"(?P<{name}>{many})"
                seen.add(name)
        found.append((own, str(message.id), re.compile(shape, re.DOTALL)))
    found.sort(key=lambda each: -each[0])
    return [(sentence, shape, own >= _KNOWN_BY) for own, sentence, shape in found if own]


def retold(said: str) -> str:
    """Return what a file or another process keeps in English, in the language of who looks.

    Args:
        said: a sentence that `tr` has filled, or one without places; others stay as they are.
    """
    language = current()
    for sentence, shape, known in _shapes(language):
        if found := shape.fullmatch(said):
            values = found.groupdict()
            if known or all(map(_AMOUNT.fullmatch, values.values())):
                return tr(sentence, **{name: retold(value) for name, value in values.items()})
    return tr(said)


def heard(language: str) -> None:
    """Note that somebody reads a language: what is told to all is told in it from now on."""
    if language != ENGLISH:
        _heard.add(language)


def elsewhere(said: str) -> dict[str, str]:
    """Return what is kept in English in every other language that somebody reads, by its code."""
    return {code: words for code in _heard if (words := _told(code, said)) != said}


@lru_cache(maxsize=4096)
def _told(language: str, said: str) -> str:
    before = _instead.set(language)
    try:
        return retold(said)
    finally:
        _instead.reset(before)


def later(sentence: str, /) -> str:
    """Return `sentence` as it is, marked for translation where it is shown."""
    return sentence
