"""The strip of tokens: what the model says at every position, right or wrong, frame by frame.

A component rather than HTML from Python: token texts reach the page as text nodes, so nothing a
person or a model writes is ever read as HTML; colours change in place, without flicker; and a
finished run plays back in the browser, without asking the server for each frame.
"""

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

_HERE = Path(__file__).parent
_HTML = '<div class="strip" role="group" aria-label="Tokens"></div>'


@cache
def _source(*names: str) -> str:
    """Return a part of the component, read once."""
    return "\n".join((_HERE / name).read_text() for name in names)


def _mount(key: str, data: dict[str, Any]) -> None:
    component = st.components.v2.component(
        "token_strip",
        html=_HTML,
        css=_source("token_strip.css"),
        js=_source("strip.js", "token_strip.js"),
    )
    component(key=key, data=data)


def still(key: str, data: dict[str, Any]) -> None:
    """Show one frame (`explorer.figures.walk.point_data`)."""
    _mount(key, data | {"mode": "live"})


def playback(key: str, data: dict[str, Any], *, run: str, autoplay: bool = False) -> None:
    """Show a finished run with a slider from noise to text; `run` names it."""
    _mount(key, data | {"mode": "play", "run": run, "autoplay": autoplay})


def walk(key: str, data: dict[str, Any], *, run: str) -> None:
    """Show what the model says along a path, with a slider (`explorer.figures.walk.walk_data`)."""
    _mount(key, data | {"mode": "play", "run": run, "autoplay": False})


def preview(key: str, data: dict[str, Any]) -> None:
    """Show the tokens of a text before training (`explorer.figures.strip.preview_data`)."""
    _mount(key, data | {"mode": "preview"})
