"""Styles and scripts as components get them."""

import re

import pytest

from explorer.figures import palette
from widgets import sources


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
