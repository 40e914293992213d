"""The pages in German, and in English for everybody else."""

import ast

import pytest

from explorer.base import folders
from explorer.base.language import words_of
from tests.pages.driving import open_page, texts_of
from widgets.language import CHOICES

PAGES = sorted(file.stem for file in (folders.PROJECT / "pages").glob("[a-z]*.py"))
FREE = {"find"}
"""Bound fields that hold what a person types."""


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_in_german_and_not_for_others(name: str) -> None:
    english, german = open_page(name), open_page(name, lang="de")
    assert not german.exception
    for shown, meant in zip(german.title, english.title, strict=True):
        assert shown.value == words_of("de").gettext(meant.value)
    assert texts_of(german) != texts_of(english)


def test_every_choice_that_a_link_holds_is_known() -> None:
    bound = set()
    for file in [
        *(folders.PROJECT / "widgets").rglob("*.py"),
        *(folders.PROJECT / "pages").glob("*.py"),
    ]:
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            given = {k.arg: k.value for k in getattr(call, "keywords", [])}
            if "bind" in given and isinstance(given.get("key"), ast.Constant):
                bound.add(given["key"].value)
    assert bound == set(CHOICES) | FREE
