"""The styles and scripts of components, read from their files, in the colours of the charts."""

from functools import cache
from pathlib import Path

from explorer.figures import palette

_HERE = Path(__file__).parent
_COLOURS = {
    "var(--right)": palette.RIGHT,
    "var(--wrong)": palette.WRONG,
    "var(--same-context)": palette.SAME_CONTEXT,
}
"""What a style sheet calls a colour that has a fixed meaning (`explorer.figures.palette`)."""


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
    return "\n".join((_HERE / name).read_text() for name in names)
