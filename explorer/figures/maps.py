"""Charts of maps: solutions as points in two or three dimensions, and moving through the layers."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float, Int

from explorer.base.formatting import counted
from explorer.base.language import later, tr
from explorer.figures.chart import Chart, layout
from explorer.figures.palette import DIFFERENT, RESTARTS, RIGHT, WRONG, WRONG_TO_RIGHT
from explorer.figures.words import for_hover
from explorer.geometry.depth import PLACE_NAMES
from explorer.geometry.maps import AXES, SolutionMap

COLOUR_BY = (
    later("context"),
    later("text"),
    later("source"),
    later("accuracy"),
    later("restart"),
    later("set"),
)
SYMBOLS = ("circle", "diamond", "square", "cross", "x")
"""Symbols that both flat and spatial scatters know."""
MOST_NAMED = 24
"""Labels a legend can hold; more are coloured all the same."""
JOINED = (later("not at all"), later("by lines"), later("by hulls"))
"""How points of one text can be joined."""
CHOSEN, LEFT_OUT = {"marker": {"size": 17}}, {"marker": {"opacity": 0.5}}
"""What points look like that a person has chosen, and the others: of one text or not, they stay."""

At = Float[np.ndarray, "n k"]
Trace = tuple[Callable[[At], At], dict[str, Any]]
"""Where a trace's points lie in a layout, and everything else about it."""


def scatter(
    made: SolutionMap,
    colour_by: str,
    trajectory: pd.DataFrame | None = None,
    joined: str = JOINED[0],
) -> Chart:
    """Draw a map, one trace for each label so that a legend names them.

    A map of hidden states has a slider that moves its points through the layers.

    Args:
        made: the map.
        colour_by: a column of its points, of `COLOUR_BY`.
        trajectory: of `explorer.geometry.maps.trajectory`, a run's way through a PCA map.
        joined: how points of one text are joined, of `JOINED`; in space always by lines.
    """
    spec, points = made.record.spec, made.points
    axes = list(AXES[: spec.dimensions])
    kind = go.Scatter if spec.dimensions == 2 else go.Scatter3d
    traces = [*_joining(made, joined), *_points(made, colour_by)]
    layouts = [np.array(at) for at in made.record.layers] or [points[axes].to_numpy()]

    def drawn(at: At) -> list[dict[str, Any]]:
        return [dict(zip(axes, place(at).T, strict=True)) for place, _ in traces]

    figure = go.Figure(
        [kind(**at, **more) for at, (_, more) in zip(drawn(layouts[0]), traces, strict=True)]
    )
    if trajectory is not None and len(trajectory):
        _add_way(figure, trajectory, axes)
    title = "UMAP" if spec.method == "umap" else "PCA"
    name: str = tr("e and m together") if spec.vector == "both" else spec.vector
    if spec.place is not None:
        name = tr("hidden states {place}", place=tr(PLACE_NAMES[spec.place]))
    by = tr(colour_by)
    named_axes = _axis_names(made)
    said = tr("{method} of {name}, by {label}", method=title, name=name, label=by)
    layout(figure, said, *named_axes[:2], height=620)
    figure.update_layout(
        clickmode="event+select", dragmode="pan" if spec.dimensions == 2 else "orbit"
    )
    if spec.method == "pca" and spec.dimensions == 2:
        figure.update_yaxes(scaleanchor="x")  # a distance is as long across as it is up
    if spec.dimensions == 3:
        scene = zip(AXES, named_axes, strict=True)
        figure.update_layout(scene={f"{axis}axis": {"title": words} for axis, words in scene})
    alt = tr(
        "{method} map of {name} in {dimensions} dimensions: {points}, colored by {label}.",
        method=title,
        name=name,
        dimensions=spec.dimensions,
        points=counted(len(points), spec.noun),
        label=by,
    )
    columns = ["id", *axes, "context", "text", "accuracy", "restart", "seed", "set", "regime"]
    table = points[columns]
    if made.record.layers:
        number = list(range(len(traces)))
        figure.frames = [
            go.Frame(name=str(k), traces=number, data=[kind(**each) for each in drawn(at)])
            for k, at in enumerate(layouts)
        ]
        _slide(figure, layouts)
        through = counted(len(layouts) - 1, "layer")
        alt += " " + tr("A slider moves it through {layers}.", layers=through)
        table = pd.concat(
            [
                points[columns].assign(layer=k, **dict(zip(axes, at.T, strict=True)))
                for k, at in enumerate(layouts)
            ]
        )
    return Chart(f"map-{spec.method}-{spec.place or spec.vector}-{colour_by}", figure, alt, table)


def _slide(figure: go.Figure, layouts: list[At]) -> None:
    """Add a slider over the frames, and a button that plays them; axes stay where they are."""
    every = np.concatenate(layouts)
    low, high = every.min(0), every.max(0)
    edge = 0.06 * (high - low).max()
    named = ("xaxis", "yaxis", "zaxis")[: every.shape[1]]
    ranges = {
        axis: {"range": [float(a - edge), float(b + edge)], "autorange": False}
        for axis, a, b in zip(named, low, high, strict=True)
    }
    spatial = every.shape[1] == 3
    figure.update_layout({"scene": ranges} if spatial else ranges)
    quick = {
        "frame": {"duration": 300, "redraw": spatial},
        "transition": {"duration": 250},
        "mode": "immediate",
    }
    steps = [
        {"label": tr("input") if k == 0 else str(k), "method": "animate", "args": [[str(k)], quick]}
        for k in range(len(layouts))
    ]
    play = {"label": tr("Play"), "method": "animate", "args": [None, quick | {"fromcurrent": True}]}
    figure.update_layout(
        height=700,
        sliders=[
            {"active": 0, "steps": steps, "currentvalue": {"prefix": tr("layer: ")},
             "pad": {"t": 56}}
        ],
        updatemenus=[
            {"type": "buttons", "x": 1, "y": 0, "xanchor": "right", "yanchor": "top",
             "pad": {"t": 50}, "showactive": False, "buttons": [play]}
        ],
    )  # fmt: skip


def _axis_names(made: SolutionMap) -> list[str]:
    spec = made.record.spec
    if spec.method == "umap":
        return [tr("UMAP {number} (no unit)", number=k) for k in range(1, spec.dimensions + 1)]
    if made.record.layers:
        return [
            tr("component {number} of each layer", number=k) for k in range(1, spec.dimensions + 1)
        ]
    shares = enumerate(made.record.explained, 1)
    return [
        tr("component {number}, {share} of variance", number=k, share=f"{share:.0%}")
        for k, share in shares
    ]


def _by_number(values: pd.Series) -> dict[str, object]:
    return {
        "color": values,
        "cmin": 0,
        "cmax": 1,
        "colorscale": WRONG_TO_RIGHT,
        "colorbar": {"title": tr("accuracy"), "thickness": 10},
    }


def _points(made: SolutionMap, colour_by: str) -> Iterator[Trace]:
    """Yield a trace for each label, or one with a scale of colours for a number."""
    spec, points = made.record.spec, made.points
    if colour_by == "accuracy":
        everything = np.arange(len(points))
        yield _trace(made, everything, tr(f"{spec.noun}s"), _by_number(points["accuracy"]))
        return
    for k, label in enumerate(dict.fromkeys(points[colour_by])):
        marker = {"color": RESTARTS[k % len(RESTARTS)], "symbol": SYMBOLS[k % len(SYMBOLS)]}
        here = np.flatnonzero(points[colour_by] == label)
        yield _trace(made, here, for_hover(str(label), 34), marker, named=k < MOST_NAMED)


def _trace(
    made: SolutionMap,
    here: Int[np.ndarray, " k"],
    name: str,
    marker: dict[str, Any],
    *,
    named: bool = True,
) -> Trace:
    flat, points = made.record.spec.dimensions == 2, made.points.iloc[here]
    size = {"size": 10 if flat else 5, "line": {"width": 1, "color": "rgba(128,128,128,.9)"}}
    return lambda at: at[here], {
        "mode": "markers",
        "name": name,
        "showlegend": named,
        "marker": size | marker,
        "customdata": points["id"],
        "text": [for_hover(text) for text in points["text"]],
        "hovertemplate": "%{text}<extra></extra>",
        **({"selected": CHOSEN, "unselected": LEFT_OUT} if flat else {}),
    }


def _joining(made: SolutionMap, how: str) -> Iterator[Trace]:
    """Yield one trace that joins the points of each text: to their middle, or by their hull."""
    labels = made.points["text"].to_numpy()
    of_text = [np.flatnonzero(labels == text) for text in dict.fromkeys(labels)]
    several = [members for members in of_text if len(members) > 1]
    if how == JOINED[0] or not several:
        return
    hulls = how == JOINED[2] and made.record.spec.dimensions == 2
    outline = hull if hulls else _star

    def place(at: At) -> At:
        gap = np.full((1, at.shape[1]), np.nan)
        return np.concatenate([part for members in several for part in (outline(at[members]), gap)])

    filled = {"fill": "toself", "fillcolor": "rgba(138,143,152,.18)"} if hulls else {}
    yield (
        place,
        {
            "mode": "lines",
            "name": tr("one text"),
            "line": {"color": DIFFERENT, "width": 1},
            "hoverinfo": "skip",
            **filled,
        },
    )


def _star(at: At) -> At:
    """Return the way from the middle to each point and back."""
    middle = at.mean(0)
    return np.concatenate([np.stack([middle, point]) for point in at] + [middle[None]])


def hull(at: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "h 2"]:
    """Return the outline of the convex hull, closed; of points on one line, the line."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        around = ConvexHull(at).vertices
    except (QhullError, ValueError):  # fewer than three points, or on one line
        around = np.lexsort(at.T)
    closed: Float[np.ndarray, "h 2"] = at[[*around, around[0]]]
    return closed


def _add_way(figure: go.Figure, way: pd.DataFrame, axes: list[str]) -> None:
    """Draw a run from its start to its end, with a gap where another restart takes the lead."""
    kind = go.Scatter if len(axes) == 2 else go.Scatter3d
    ends = {
        "size": np.r_[9, np.full(max(0, len(way) - 2), 3), 11][: len(way)],
        "color": [WRONG, *[RIGHT] * (len(way) - 1)],
    }
    leads = way.assign(**ends).groupby((way["seed"].diff().fillna(0) != 0).cumsum())
    gap = pd.DataFrame([dict.fromkeys(axes, np.nan)])
    drawn = pd.concat([part for _, led in leads for part in (led, gap)])[:-1]
    drawn = drawn.fillna({"size": 0, "color": RIGHT, "step": 0, "accuracy": 0, "seed": 0})
    figure.add_trace(
        kind(
            **{axis: drawn[axis] for axis in axes},
            mode="lines+markers",
            name=tr("training: the best restart at each step"),
            line={"color": RIGHT, "width": 2},
            marker={name: drawn[name] for name in ends},
            text=[
                tr(
                    "step {step}, seed {seed}, accuracy {accuracy}",
                    step=int(step),
                    seed=int(seed),
                    accuracy=f"{accuracy:.2f}",
                )
                for step, seed, accuracy in drawn[["step", "seed", "accuracy"]].to_numpy()
            ],
            hovertemplate="%{text}<extra></extra>",
        )
    )
