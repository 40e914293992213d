"""The strip of tokens: what the model outputs at every position, right or wrong, frame by frame.

A component rather than HTML from Python: token texts reach the page as text nodes, so nothing a
person or a model writes is ever read as HTML; colours change in place, without flicker; and a
finished run plays back in the browser, without asking the server for each frame.
"""

from collections.abc import Sequence
from typing import Any

from explorer.assets.tokenizing import Tokenizer
from explorer.figures.strip import preview_data
from widgets import sources

SCRIPTS = ("strip.js", "token_strip.js")
_HTML = '<div class="strip" role="group"></div>'


def _mount(key: str, data: dict[str, Any]) -> None:
    component = sources.component("token_strip", *SCRIPTS, html=_HTML, styles=("token_strip.css",))
    component(key=key, data=data | {"spoken": sources.spoken(*SCRIPTS)})


def still(key: str, data: dict[str, Any]) -> None:
    """Show one frame (`explorer.figures.strip.point_data`)."""
    _mount(key, data | {"mode": "live"})


def playback(key: str, data: dict[str, Any], *, run: str, autoplay: bool = False) -> None:
    """Show a finished run, named by `run`: its target, a slider from noise to text, a legend."""
    _mount(key, data | {"mode": "play", "run": run, "autoplay": autoplay, "whole": True})


def walk(key: str, data: dict[str, Any], *, run: str) -> None:
    """Show what the model says along a path, with a slider (`explorer.figures.strip.walk_data`)."""
    _mount(key, data | {"mode": "play", "run": run, "autoplay": False})


def preview(
    key: str, tokenizer: Tokenizer, ids: list[int], length: int, altered: Sequence[int] = ()
) -> None:
    """Show the tokens of a text before training (`explorer.figures.strip.preview_data`)."""
    groups = [(g.start, g.stop, g.text) for g in tokenizer.groups(ids)]
    data = preview_data(ids, groups, tokenizer.pieces(ids), length, altered)
    _mount(key, data | {"mode": "preview"})
