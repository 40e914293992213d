"""A figure with what belongs to it: a title that says what to see, words for it, its numbers."""

from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go


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
