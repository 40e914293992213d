"""Sharing drawn: accuracy over the size of a group, best restarts and all of them (table 2)."""

import plotly.graph_objects as go

from explorer.base.language import later, tr
from explorer.experiments import sharing
from explorer.experiments.runs import Run
from explorer.figures.chart import Chart, layout, log_axis, spread
from explorer.figures.palette import RESTARTS

SYMBOLS = {"e": "circle", "m": "square"}
AGGREGATES = (
    ("best", "best_sd", later("best restart"), "solid", ""),
    ("mean", "sd", later("all restarts"), "dash", "-open"),
)
"""Columns of an aggregate, its words, and how its line and markers look."""


def charts(run: Run) -> list[Chart]:
    """Return the chart of a run."""
    found = sharing.summary(run)
    figure = go.Figure()
    for k, (vector, part) in enumerate(found.groupby("shared")):
        for column, deviation, words, dash, filling in AGGREGATES:
            name = tr("shared {vector}, {restarts}", vector=vector, restarts=tr(words))
            figure.add_scatter(
                x=part["s_g"],
                y=part[column],
                name=name,
                mode="lines+markers",
                line={"color": RESTARTS[k], "dash": dash, "width": 4 - 2 * k},
                marker={"symbol": SYMBOLS[str(vector)] + filling, "size": 13 - 4 * k},
                error_y=spread(part[deviation]),
                hovertemplate=f"S_g = %{{x}}: %{{y:.3f}}<extra>{name}</extra>",
            )
    last = found.loc[found.groupby("shared")["s_g"].idxmax()].to_dict("records")
    ends = [
        tr(
            "shared {vector} {accuracy} at S_g = {size}",
            vector=row["shared"],
            accuracy=f"{row['best']:.2f}",
            size=row["s_g"],
        )
        for row in last
    ]
    layout(
        figure,
        tr("With the best restart: {ends}", ends=", ".join(ends)),
        tr("S_g, texts in a group"),
        tr("token accuracy"),
        height=440,
    )
    figure.update_xaxes(log_axis(sorted(set(found["s_g"]))))
    figure.update_yaxes(range=[-0.03, 1.08])
    both = "; ".join(
        tr(
            "{end} with the best restart, {mean} over all restarts",
            end=end,
            mean=f"{row['mean']:.2f}",
        )
        for end, row in zip(ends, last, strict=True)
    )
    alt = tr("Accuracy over the size of a group: {ends}", ends=both)
    return [Chart("sharing", figure, alt, found)]
