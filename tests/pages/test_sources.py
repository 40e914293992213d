"""Styles and scripts as components get them."""

import gettext
import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_file

from explorer.base import language
from explorer.figures import palette
from tools import translations
from widgets import following, sources, token_strip, wall_view

SCRIPTS = sorted(file.name for file in Path(sources.__file__).parent.glob("*.js"))


@pytest.mark.parametrize("name", ["token_strip.css", "live.css"])
def test_what_has_a_meaning_has_the_colour_of_the_charts(name: str) -> None:
    style = sources.style(name)
    assert not re.search(r"var\(--(?!st-|strength)[\w-]+\)", style)  # Streamlit's, and a share
    colours = {palette.RIGHT, palette.WRONG, palette.SAME_CONTEXT}
    assert set(re.findall(r"#[0-9a-f]{6}\b", style)) <= colours
    assert palette.RIGHT in style


def test_a_wrong_token_has_the_colour_of_a_wrong_one() -> None:
    wrong = re.search(r"\.wrong \{[^}]*\}", sources.style("token_strip.css"))
    assert wrong is not None and palette.WRONG in wrong[0]


class Loud(gettext.NullTranslations):
    """A language in which every sentence is shouted."""

    def gettext(self, message: str) -> str:
        return message.upper()


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_a_script_says_is_sent_to_it_and_found_by_the_tool(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Path(sources.__file__).with_name(name)
    found = {said[1] for said in extract_from_file("javascript", file, keywords={"tr": None})}
    assert ("widgets/**.js", "javascript") in translations.METHODS
    assert sources.spoken(name) == {}  # in English the sentences are there
    monkeypatch.setattr(language, "words_of", lambda _: Loud())
    assert sources.spoken(name) == {said: said.upper() for said in found}


def test_every_script_that_speaks_gets_its_words() -> None:
    given = {*token_strip.SCRIPTS, *following.SCRIPTS, *wall_view.ALL_SCRIPTS}
    assert {name for name in SCRIPTS if re.search(r"\btr\(\"", sources.script(name))} <= given
