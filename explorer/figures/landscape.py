"""Charts of what lies around solutions: filled contours on a plane, accuracy by distance."""

from typing import Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from explorer.base.language import tr
from explorer.figures.chart import SHARE, Chart, band, layout
from explorer.figures.palette import BEZIER, RIGHT, STRAIGHT, WRONG_TO_RIGHT
from explorer.figures.paths import CURVE_NAMES, LINE_NAME
from explorer.landscape.result import Landscape
from explorer.landscape.surroundings import Surroundings
from explorer.paths.curves import positions
from explorer.specs.recipes import THRESHOLD

HALO = "rgba(255,255,255,0.9)"
GRID = "grid"


def plane(
    found: Landscape,
    column: Literal["accuracy", "loss"],
    chosen: tuple[int, int] | None = None,
    *,
    clickable: bool = False,
) -> Chart:
    """Draw accuracy or loss as filled contours, with both paths and their points.

    Args:
        found: the plane; only its finest complete grid is drawn.
        column: what to draw.
        chosen: row and column of a grid point to mark.
        clickable: whether to lay invisible markers over the grid, which a page can select.
    """
    s = found.stride
    x, y, z = found.x[::s], found.y[::s], getattr(found, column)[::s, ::s]
    hover = f"{tr(column)} %%{{%s:.3g}}<extra></extra>"
    largest = float(z[np.isfinite(z)].max(initial=0.0))
    z = np.where(np.isfinite(z), z, largest)
    figure = go.Figure(
        go.Contour(
            x=x,
            y=y,
            z=z,
            hovertemplate=hover % "z",
            hoverinfo="skip" if clickable else None,
            colorbar={"title": {"text": tr(column), "side": "right"}, "thickness": 12},
            line={"width": 0.4},
            **_colours(column),
        )
    )
    _draw_paths(figure, found)
    if clickable:
        columns, rows = np.meshgrid(np.arange(len(x)) * s, np.arange(len(y)) * s)
        figure.add_scatter(
            x=found.x[columns.ravel()],
            y=found.y[rows.ravel()],
            customdata=np.stack([rows.ravel(), columns.ravel()], axis=1),
            mode="markers",
            name=GRID,
            marker={"size": 9, "color": "rgba(0,0,0,0)"},
            selected={"marker": {"color": "rgba(0,0,0,0)"}},
            unselected={"marker": {"color": "rgba(0,0,0,0)"}},
            text=z.ravel(),
            hovertemplate=hover % "text",  # who skips the hover has no click either
            showlegend=False,
        )
        figure.update_layout(hoverdistance=-1)
    if chosen is not None:
        figure.add_scatter(
            x=[found.x[chosen[1]]],
            y=[found.y[chosen[0]]],
            mode="markers",
            name=tr("point whose text is shown"),
            marker={
                "symbol": "cross",
                "size": 16,
                "line": {"width": 2, "color": "#111"},
                "color": "#fff",
            },
            hoverinfo="skip",
        )
    titles = {
        "accuracy": tr("Where the model still outputs the text"),
        "loss": tr("The loss between two solutions"),
    }
    along, beside = tr("distance along the chord"), tr("distance from the chord")
    layout(figure, titles[column], along, beside, height=600)
    figure.update_yaxes(scaleanchor="x", constrain="domain", zeroline=False, showgrid=False)
    figure.update_xaxes(constrain="domain", zeroline=False, showgrid=False)
    share = float((found.accuracy[::s, ::s] >= THRESHOLD).mean())
    alt = tr(
        "Contours of {what} on a plane of {columns} by {rows} points through two solutions; "
        "{share} of them have an accuracy of 0.99 or more.",
        what=tr(column),
        columns=len(x),
        rows=len(y),
        share=f"{share:.0%}",
    )
    return Chart(f"landscape-{column}", figure, alt, grid_table(found))


def _colours(column: str) -> dict[str, object]:
    if column == "accuracy":
        return {
            "colorscale": WRONG_TO_RIGHT,
            "contours": {"start": 0.0, "end": 1.0, "size": 0.1},
            "zmin": 0,
            "zmax": 1,
        }
    return {"colorscale": "Cividis", "reversescale": True, "ncontours": 14}


def _draw_paths(figure: go.Figure, found: Landscape) -> None:
    marks = found.marks
    curve = positions(found.header.kind, marks, np.linspace(0, 1, 101))
    for name, points, style in (
        (LINE_NAME, marks[[0, -1]], {"color": STRAIGHT, "width": 3.5, "dash": "dash"}),
        (CURVE_NAMES[found.header.kind], curve, {"color": BEZIER, "width": 4}),
    ):
        halo = {"color": HALO, "width": 7}
        for line, shown in ((halo, False), (style, True)):
            figure.add_scatter(
                x=points[:, 0],
                y=points[:, 1],
                mode="lines",
                line=line,
                name=tr(name),
                showlegend=shown,
                hoverinfo="skip",
            )
    seeds = [tr("seed {seed}", seed=end.seed) for end in found.header.ends]
    bends = [tr("bend {number}", number=k) for k in range(1, len(marks) - 1)]
    names = [seeds[0], *(bends if len(bends) > 1 else [tr("control point")]), seeds[1]]
    figure.add_scatter(
        x=marks[:, 0],
        y=marks[:, 1],
        mode="markers+text",
        text=[f"<b>{name}</b>" for name in names],
        textposition="top center",
        textfont={"size": 13, "color": "#111", "shadow": "0 0 4px #fff, 0 0 4px #fff"},
        marker={
            "size": 12,
            "color": ["#fff", *[BEZIER] * len(bends), "#fff"],
            "symbol": ["circle", *["diamond"] * len(bends), "circle"],
            "line": {"color": "#111", "width": 2},
        },
        showlegend=False,
        hoverinfo="skip",
    )


def grid_table(found: Landscape) -> pd.DataFrame:
    """Return one line for each point of the finest complete grid: x, y, accuracy, loss."""
    s = found.stride
    x, y = np.meshgrid(found.x[::s], found.y[::s])
    return pd.DataFrame(
        {
            "x": x.ravel(),
            "y": y.ravel(),
            "accuracy": found.accuracy[::s, ::s].ravel(),
            "loss": found.loss[::s, ::s].ravel(),
        }
    )


def around(found: Surroundings) -> Chart:
    """Draw accuracy against distance from one solution, over all random directions."""
    x, values = found.distances, np.nan_to_num(found.accuracy)
    low, high, mean = values.min(axis=0), values.max(axis=0), values.mean(axis=0)
    figure = go.Figure()
    name = tr("worst to best direction")
    band(figure, x, low, high, fillcolor="rgba(11,132,198,0.22)", name=name)
    figure.add_scatter(
        x=x,
        y=mean,
        mode="lines",
        line={"color": RIGHT, "width": 3},
        name=tr("mean of all directions ({count})", count=len(values)),
        hovertemplate=tr("distance %{x:.3g}: mean accuracy %{y:.1%}") + "<extra></extra>",
    )
    known = found.radius[np.isfinite(found.radius)]
    figure.add_scatter(
        x=known,
        y=np.full(len(known), THRESHOLD),
        mode="markers",
        name=tr("radius of a direction"),
        marker={"symbol": "line-ns-open", "size": 12, "color": BEZIER, "line": {"width": 2}},
        hovertemplate=tr("accuracy falls below 0.99 at %{x:.3g}") + "<extra></extra>",
    )
    figure.update_yaxes(SHARE)
    layout(
        figure,
        tr("How far one can move away from a solution"),
        tr("distance from the solution in the space of [e; m]"),
        tr("token accuracy"),
    )
    named = [tr("direction {number}", number=k) for k in range(len(values))]
    table = pd.DataFrame(values.T, columns=named)
    table.insert(0, "distance", x)
    return Chart("radius", figure, found.sentence, table)
