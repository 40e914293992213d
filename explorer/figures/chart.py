"""A figure with what belongs to it: a title that says what to see, words for it, its numbers."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

ONES_AND_THREES = tuple(digit * 10.0**power for power in range(-6, 6) for digit in (1, 3))
"""What a logarithmic axis names when no value of it was chosen by hand."""


@dataclass(frozen=True)
class Chart:
    """One figure, ready for a page.

    Attributes:
        key: short name, also of files made from it.
        figure: the Plotly figure, on a transparent ground.
        alt: what it shows, for those who cannot see it.
        table: the numbers drawn.
    """

    key: str
    figure: go.Figure
    alt: str
    table: pd.DataFrame

    def html(self) -> str:
        """Return a standalone page that works offline."""
        figure = go.Figure(self.figure)
        figure.update_layout(paper_bgcolor="white", plot_bgcolor="white", template="plotly_white")
        page: str = figure.to_html(include_plotlyjs=True, full_html=True)
        return page


def layout(figure: go.Figure, title: str, x: str, y: str, *, height: int = 320) -> go.Figure:
    """Give a figure the house's look: title, named axes, no ground of its own."""
    figure.update_layout(
        title={"text": title, "font": {"size": 15}, "x": 0, "xanchor": "left"},
        xaxis_title=x,
        yaxis_title=y,
        height=height,
        margin={"l": 8, "r": 8, "t": 46, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "yanchor": "top", "y": -0.3, "x": 0, "title": None},
        uirevision="keep",
    )
    return figure


def log_axis(named: Iterable[float] = ONES_AND_THREES) -> dict[str, object]:
    """Return the settings of a logarithmic axis that writes some of its values out in full.

    Plotly's own ticks leave the power away: a 5 below 1 stands for 0.5.
    """
    ticks = list(named)
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:,g}" for tick in ticks]}
