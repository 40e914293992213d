"""A figure with what belongs to it: a title that says what to see, words for it, its numbers."""

import html
import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from explorer.base.language import SEPARATORS, current
from explorer.base.provenance import PROGRAM
from explorer.figures.look import look_at

DIGITS = (
    (1, 3),
    (1, 2, 5),
    (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9),
    tuple(tenths / 10 for tenths in range(10, 100)),
)
"""First digits that a logarithmic axis may name, from few to many."""
LEAST_TICKS = 3
SHARE: dict[str, object] = {"range": [-0.03, 1.05], "tickformat": ".0%"}
"""Settings of an axis of shares, such as accuracy."""
ACROSS, UPWARDS = 42, 32
"""Characters on a line of what names an axis: as many as there is room for on a phone."""
TOOLBAR = {"bgcolor": "rgba(0,0,0,0)", "color": "#8a8f98", "activecolor": "#0b84c6"}
"""Without a ground of its own it takes Plotly's, which is a dark band on a light page."""


@dataclass(frozen=True)
class Chart:
    """One figure, ready for a page.

    Attributes:
        key: short name, also of files made from it.
        figure: the Plotly figure, on a transparent ground.
        alt: what it shows, for those who cannot see it.
        table: the numbers drawn.
        wide: whether it has more columns than a phone can show, where it is then moved sideways.
    """

    key: str
    figure: go.Figure
    alt: str
    table: pd.DataFrame
    wide: bool = False

    @property
    def look(self) -> str:
        """What to look at, in one line."""
        return look_at(self.key)

    @property
    def title(self) -> str:
        """What the figure is called, as plain text; empty if it has no title."""
        return html.unescape(_plain(self.figure.layout.title.text or ""))

    @cached_property
    def words(self) -> list[str]:
        """What the figure says: its title, its axes, and the names of what is drawn.

        Kept, for Plotly takes milliseconds to look, and every page that shows the chart asks.
        """
        drawn = self.figure.layout
        titles = (drawn.title, drawn.xaxis.title, drawn.yaxis.title)
        said = [*(each.text for each in titles), *(trace.name for trace in self.figure.data)]
        return [_plain(each) for each in said if each]

    def on_white(self) -> go.Figure:
        """Return the figure as it is printed, on a white ground."""
        figure = go.Figure(self.figure)
        figure.update_layout(paper_bgcolor="white", plot_bgcolor="white", template="plotly_white")
        return figure

    def html(self) -> str:
        """Return a standalone page that works offline, and names the version that made it."""
        page: str = self.on_white().to_html(include_plotlyjs=True, full_html=True)
        return page.replace("</head>", f'<meta name="generator" content="{PROGRAM}"></head>', 1)


def layout(figure: go.Figure, title: str, x: str, y: str, *, height: int = 320) -> go.Figure:
    """Give a figure the house's look: title, named axes, no ground of its own.

    It is whole at any width: a page shows the title above the figure, where lines break; names of
    axes break by themselves; the legend lies at the bottom, below whatever the axis needs.
    """
    figure.update_layout(
        title={"text": title, "font": {"size": 15}, "x": 0, "xanchor": "left"},
        xaxis_title=broken(x, ACROSS),
        yaxis_title=broken(y, UPWARDS),
        height=height,
        margin={"l": 8, "r": 8, "t": 32, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "x": 0, "title": None}
        | {"yref": "container", "y": 0, "yanchor": "bottom", "maxheight": 0.3},
        modebar=TOOLBAR,
        uirevision="keep",
        separators=SEPARATORS.get(current()),
    )
    return figure


def broken(words: str, most: int) -> str:
    """Return words on as few lines as hold them, of about one length: Plotly breaks none itself.

    Args:
        words: what names something in a figure.
        most: characters on a line.
    """
    fewest = -(-len(words) // most)
    fits = (n for n in range(1, most) if len(textwrap.wrap(words, n)) <= fewest)
    return "<br>".join(textwrap.wrap(words, next(fits, most)))


def _plain(said: str) -> str:
    return said.replace("<br>", " ")


def band(
    figure: go.Figure, x: NDArray[Any], low: ArrayLike, high: ArrayLike, **look: object
) -> None:
    """Fill what lies between two lines over x; it says nothing where a mouse is on it."""
    figure.add_scatter(
        x=np.concatenate([x, x[::-1]]), y=np.concatenate([high, np.flip(low)]), fill="toself",
        mode="lines", line={"width": 0}, hoverinfo="skip", **look,
    )  # fmt: skip


def spread(deviations: ArrayLike) -> dict[str, object]:
    """Return error bars of one standard deviation."""
    return {"type": "data", "array": deviations, "thickness": 1, "width": 3}


def interval(
    middle: Sequence[float],
    low: Sequence[float | None],
    high: Sequence[float | None],
    **look: object,
) -> dict[str, object]:
    """Return error bars from low to high; none where an end is not known (None or not finite)."""
    at, least, most = (np.array(values, dtype=float) for values in (middle, low, high))
    if not np.isfinite([least, most]).all():
        return {"visible": False}
    ends = {"array": most - at, "arrayminus": at - least}
    return {"type": "data", "symmetric": False} | ends | look


def ticks_for(values: ArrayLike) -> list[float]:
    """Return round numbers around positive values: as few as name `LEAST_TICKS` between them.

    A run that has just begun has a loss between 4 and 9, one that is over between 0.01 and 9.

    Args:
        values: what is drawn; what is not positive and finite is left out.
    """
    drawn = np.asarray(values, dtype=float).ravel()
    drawn = drawn[np.isfinite(drawn) & (drawn > 0)]
    low, high = (float(drawn.min()), float(drawn.max())) if len(drawn) else (1.0, 10.0)
    if low == high:  # Plotly shows a power of ten on each side of a single value
        low, high = low / 10, high * 10
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    ticks: list[float] = []
    for digits in DIGITS:
        ticks = [float(f"{digit}e{power}") for power in powers for digit in digits]
        if sum(low <= tick <= high for tick in ticks) >= LEAST_TICKS:
            break
    return ticks


def log_axis(named: Iterable[float]) -> dict[str, object]:
    """Return the settings of a logarithmic axis that writes some of its values out in full.

    Plotly's own ticks leave the power away: a 5 below 1 stands for 0.5.
    """
    ticks = list(named)
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:,g}" for tick in ticks]}
