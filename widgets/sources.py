"""The styles and scripts of components, read from their files, and the words of the scripts."""

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from explorer.base.language import NARROW, SEPARATORS, current, tr
from explorer.figures import palette

_HERE = Path(__file__).parent
_SENTENCE = re.compile(r'\btr\(\s*("(?:[^"\\]|\\.)*")')
"""What a script says, as `tr` marks it there and here."""
_COLOURS = {
    "var(--right)": palette.RIGHT,
    "var(--wrong)": palette.WRONG,
    "var(--same-context)": palette.SAME_CONTEXT,
}
"""What a style sheet calls a colour that has a fixed meaning (`explorer.figures.palette`)."""


def component(
    name: str, *scripts: str, html: str | None = "<i></i>", styles: tuple[str, ...] = ()
) -> Callable[..., Any]:
    """Return the component of that name, made of files of this folder, to be mounted on a page."""
    css = style(*styles) if styles else None
    return st.components.v2.component(name, html=html, css=css, js=script(*scripts))


@cache
def style(*names: str) -> str:
    """Return style sheets, one after the other, with the palette's colours put in."""
    text = script(*names)
    for called, colour in _COLOURS.items():
        text = text.replace(called, colour)
    return text


@cache
def script(*names: str) -> str:
    """Return files of this folder, one after the other."""
    return "\n".join((_HERE / name).read_text("utf-8") for name in names)


def spoken(*names: str) -> dict[str, str]:
    """Return what scripts say in the language of who looks, by its English; nothing in English.

    It goes to a component as `spoken` in its data, where the scripts' own `tr` and `number`
    (strip.js) find it, with the marks inside numbers.
    """
    said = {sentence: tr(sentence) for sentence in _sentences(*names)}
    if (marks := SEPARATORS.get(current())) is not None:
        said |= {".": marks[0], ",": marks[1], "%": f"{NARROW}%"}
    return {sentence: there for sentence, there in said.items() if there != sentence}


@cache
def _sentences(*names: str) -> tuple[str, ...]:
    return tuple(json.loads(found) for found in _SENTENCE.findall(script(*names)))
