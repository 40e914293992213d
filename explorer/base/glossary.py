"""The glossary: what each word of the field means, for the places where the words stand.

Another language has a file of its own beside the sentences of the interface; there `word` is what
stands on its pages instead.
"""

import re
import tomllib
from functools import lru_cache
from pathlib import Path

from pydantic import Field

from explorer.base import language
from explorer.base.value import Value

FILE = Path(__file__).resolve().parent.parent / "data" / "glossary.toml"


class Entry(Value):
    """What a word means."""

    word: str = Field("", description="The word itself, where it is not the entry's name.")
    forms: tuple[str, ...] = Field((), description="Other ways in which it stands on a page.")
    means: str = Field(max_length=200, description="One sentence.")
    note: str = Field("", max_length=400, description="What else helps.")
    source: str = Field(description="Where the word comes from.")


def entries() -> dict[str, Entry]:
    """Return every entry by its word in the language of who looks, as a newcomer meets them."""
    return _entries(language.current())


@lru_cache
def _entries(code: str) -> dict[str, Entry]:
    translated = language.FOLDER / f"glossary.{code}.toml"
    file = translated if translated.is_file() else FILE
    found = tomllib.loads(file.read_text(encoding="utf-8"))
    read = {word: Entry.model_validate(fields) for word, fields in found.items()}
    return {entry.word or word: entry for word, entry in read.items()}


@lru_cache
def _pattern(code: str) -> tuple[re.Pattern[str], dict[str, str]]:
    """Return what finds any form of any word, the longest first, and each form's word."""
    words = {form: word for word, entry in _entries(code).items() for form in (word, *entry.forms)}
    any_of = "|".join(re.escape(form) for form in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<![\w.’'-])(?:{any_of})(?![\w’'-]|\.\w)"), words


def found_in(*texts: str) -> list[str]:
    """Return the words of the glossary that stand in texts, each once, as they come."""
    pattern, words = _pattern(language.current())
    return list(dict.fromkeys(words[form] for text in texts for form in pattern.findall(text)))
