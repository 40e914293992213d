"""Sharing drawn: accuracy over the size of a group, best restarts and all of them (table 2)."""

import pandas as pd
import plotly.graph_objects as go

from explorer.experiments import sharing
from explorer.experiments.runs import Run
from explorer.figures.chart import Chart, layout, log_axis, spread
from explorer.figures.palette import RESTARTS

SYMBOLS = {"e": "circle", "m": "square"}
AGGREGATES = (
    ("best", "best_sd", "best restart", "solid", ""),
    ("mean", "sd", "all", "dash", "-open"),
)
"""Columns of an aggregate, its words, and how its line and markers look."""


def charts(run: Run) -> list[Chart]:
    """Return the chart of a run."""
    return [_over_size(sharing.summary(run))]


def _over_size(found: pd.DataFrame) -> Chart:
    figure = go.Figure()
    for k, (vector, part) in enumerate(found.groupby("shared")):
        for column, deviation, words, dash, filling in AGGREGATES:
            figure.add_scatter(
                x=part["s_g"],
                y=part[column],
                name=f"shared {vector}, {words}",
                mode="lines+markers",
                line={"color": RESTARTS[k], "dash": dash, "width": 4 - 2 * k},
                marker={"symbol": SYMBOLS[str(vector)] + filling, "size": 13 - 4 * k},
                error_y=spread(part[deviation]),
                hovertemplate=f"S_g = %{{x}}: %{{y:.3f}}<extra>shared {vector}, {words}</extra>",
            )
    last = found.loc[found.groupby("shared")["s_g"].idxmax()].to_dict("records")
    ends = [f"shared {row['shared']} {row['best']:.2f} at S_g = {row['s_g']}" for row in last]
    layout(
        figure,
        "With the best restart: " + ", ".join(ends),
        "S_g, texts in a group",
        "token accuracy",
        height=440,
    )
    figure.update_xaxes(log_axis(sorted(set(found["s_g"]))))
    figure.update_yaxes(range=[-0.03, 1.08])
    alt = "Accuracy over the size of a group: " + "; ".join(
        f"{end} with the best restart, {row['mean']:.2f} over all restarts"
        for end, row in zip(ends, last, strict=True)
    )
    return Chart("sharing", figure, alt, found)
