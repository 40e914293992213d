"""Charts of maps: solutions as points in two or three dimensions."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from explorer.base.formatting import counted
from explorer.figures.chart import Chart, layout
from explorer.figures.palette import RESTARTS, RIGHT, WRONG, WRONG_TO_RIGHT
from explorer.figures.words import for_hover
from explorer.geometry.maps import AXES, SolutionMap

COLOUR_BY = ("context", "text", "source", "accuracy", "restart", "set")
SYMBOLS = ("circle", "diamond", "square", "cross", "x")
"""Symbols that both flat and spatial scatters know."""
MOST_NAMED = 24
"""Labels a legend can hold; more are coloured all the same."""


def scatter(made: SolutionMap, colour_by: str, trajectory: pd.DataFrame | None = None) -> Chart:
    """Draw a map, one trace for each label so that a legend names them.

    Args:
        made: the map.
        colour_by: a column of its points, of `COLOUR_BY`.
        trajectory: of `explorer.geometry.maps.trajectory`, a run's way through a PCA map.
    """
    spec, points = made.record.spec, made.points
    axes = list(AXES[: spec.dimensions])
    figure = go.Figure()
    if colour_by == "accuracy":
        _add(figure, points, axes, f"{spec.noun}s", _by_number(points["accuracy"]))
    else:
        labels = list(dict.fromkeys(points[colour_by]))
        for k, label in enumerate(labels):
            marker: dict[str, object] = {
                "color": RESTARTS[k % len(RESTARTS)],
                "symbol": SYMBOLS[k % len(SYMBOLS)],
            }
            name = for_hover(str(label), 34)
            here = points[points[colour_by] == label]
            _add(figure, here, axes, name, marker, named=k < MOST_NAMED)
    if trajectory is not None and len(trajectory):
        _add_way(figure, trajectory, axes)
    title = "UMAP" if spec.method == "umap" else "PCA"
    name = "e and m together" if spec.vector == "both" else spec.vector
    named_axes = _axis_names(made)
    layout(figure, f"{title} of {name}, by {colour_by}", *named_axes[:2], height=620)
    figure.update_layout(
        clickmode="event+select", dragmode="pan" if spec.dimensions == 2 else "orbit"
    )
    if spec.dimensions == 3:
        scene = zip(AXES, named_axes, strict=True)
        figure.update_layout(scene={f"{axis}axis": {"title": words} for axis, words in scene})
    alt = (
        f"{title} map of {name} of {counted(len(points), spec.noun)} in {spec.dimensions} "
        f"dimensions, coloured by {colour_by}."
    )
    columns = ["id", *axes, "context", "text", "accuracy", "restart", "seed", "set", "regime"]
    return Chart(f"map-{spec.method}-{spec.vector}-{colour_by}", figure, alt, points[columns])


def _axis_names(made: SolutionMap) -> list[str]:
    spec = made.record.spec
    if spec.method == "umap":
        return [f"UMAP {k} (no unit)" for k in range(1, spec.dimensions + 1)]
    shares = enumerate(made.record.explained, 1)
    return [f"component {k}, {share:.0%} of variance" for k, share in shares]


def _by_number(values: pd.Series) -> dict[str, object]:
    return {
        "color": values,
        "cmin": 0,
        "cmax": 1,
        "colorscale": WRONG_TO_RIGHT,
        "colorbar": {"title": "accuracy", "thickness": 10},
    }


def _add(
    figure: go.Figure,
    points: pd.DataFrame,
    axes: list[str],
    name: str,
    marker: dict[str, object],
    *,
    named: bool = True,
) -> None:
    kind = go.Scatter if len(axes) == 2 else go.Scatter3d
    size = 10 if len(axes) == 2 else 5
    figure.add_trace(
        kind(
            **{axis: points[axis] for axis in axes},
            mode="markers",
            name=name,
            showlegend=named,
            marker={"size": size, "line": {"width": 1, "color": "rgba(128,128,128,.9)"}} | marker,
            customdata=points["id"],
            text=[for_hover(text) for text in points["text"]],
            hovertemplate="%{text}<extra></extra>",
        )
    )


def _add_way(figure: go.Figure, way: pd.DataFrame, axes: list[str]) -> None:
    """Draw a run from its start (open) to its end (star)."""
    kind = go.Scatter if len(axes) == 2 else go.Scatter3d
    at = {axis: way[axis] for axis in axes}
    figure.add_trace(
        kind(
            **at,
            mode="lines+markers",
            name="a run's way",
            line={"color": RIGHT, "width": 2},
            marker={
                "size": np.r_[9, np.full(max(0, len(way) - 2), 3), 11][: len(way)],
                "color": [WRONG, *[RIGHT] * (len(way) - 1)],
            },
            text=[
                f"step {s}, accuracy {a:.2f}"
                for s, a in zip(way["step"], way["accuracy"], strict=True)
            ],
            hovertemplate="%{text}<extra></extra>",
        )
    )
