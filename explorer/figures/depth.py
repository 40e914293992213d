"""Charts of a set by depth: how well kinds of pairs are told apart, and a map that moves."""

from collections import defaultdict

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from explorer.figures.chart import Chart, layout
from explorer.figures.palette import DASHES, RESTARTS, STRAIGHT
from explorer.geometry.depth import PLACE_NAMES, DepthReport, Place
from explorer.geometry.effects import COMPARISONS

SYMBOLS = ("circle", "square", "diamond")
MAP_SYMBOLS = ("circle", "square", "diamond", "cross", "x", "triangle-up", "star", "pentagon")


def by_layer(made: DepthReport, place: Place) -> Chart:
    """Draw the AUC of each comparison over the layers, with 95% intervals over contexts."""
    figure, said = go.Figure(), []
    for k, which in enumerate(COMPARISONS):
        points = [
            (row.layer, c)
            for row in made.at(place)
            for c in row.comparisons
            if (c.near, c.far) == which
        ]
        if not points:
            continue
        x, auc = np.array([layer for layer, _ in points]), np.array([c.auc for _, c in points])
        name = f"{which[0]} closer than {which[1]}"
        if all(c.low is not None for _, c in points):
            low, high = ([getattr(c, end) for _, c in points] for end in ("low", "high"))
            figure.add_scatter(
                x=np.concatenate([x, x[::-1]]), y=np.concatenate([high, low[::-1]]),
                fill="toself", mode="lines", line={"width": 0}, hoverinfo="skip",
                fillcolor=RESTARTS[k], opacity=0.18, showlegend=False,
            )  # fmt: skip
        figure.add_scatter(
            x=x, y=auc, mode="lines+markers", name=name,
            line={"color": RESTARTS[k], "dash": DASHES[k], "width": 2},
            marker={"symbol": SYMBOLS[k], "size": 6}, customdata=[c.p for _, c in points],
            hovertemplate="layer %{x}: AUC %{y:.3f}, p = %{customdata:.3f}<extra></extra>",
        )  # fmt: skip
        best = int(auc.argmax())
        said.append(f"{name}: AUC {auc[0]:.2f} at layer {x[0]}, most {auc[best]:.2f} at {x[best]}")
    figure.add_hline(0.5, line={"color": STRAIGHT, "dash": "dot", "width": 1})
    layout(figure, f"Who lies close, layer by layer: {PLACE_NAMES[place]}",
           "layer (0: the input)", "AUC (0.5: no difference)", height=400)  # fmt: skip
    return Chart(f"depth-{place}", figure, ". ".join(said) or "No pairs to compare.", made.table)


def moving(made: DepthReport, place: Place) -> Chart:
    """Draw the solutions as points that a slider moves through the layers.

    Colour and symbol name the context; thin lines join solutions of one text.
    """
    maps = made.map_of(place)
    frames = [
        go.Frame(data=_traces(made, one.at), name=str(one.layer), traces=list(range(_count(made))))
        for one in maps
    ]
    first = len(maps) - 1
    figure = go.Figure(data=_traces(made, maps[first].at), frames=frames)
    layout(figure, f"The solutions, layer by layer: {PLACE_NAMES[place]}", "component 1",
           "component 2", height=560)  # fmt: skip
    figure.update_xaxes(range=[-4.2, 4.2], zeroline=False, showticklabels=False)
    figure.update_yaxes(range=[-2.4, 2.4], zeroline=False, showticklabels=False, scaleanchor="x")
    quick = {"frame": {"duration": 250, "redraw": False}, "transition": {"duration": 200}}
    steps = [
        {"label": "input" if one.layer == 0 else str(one.layer), "method": "animate",
         "args": [[str(one.layer)], quick | {"mode": "immediate"}]}
        for one in maps
    ]  # fmt: skip
    figure.update_layout(
        sliders=[{"active": first, "steps": steps, "currentvalue": {"prefix": "layer "},
                  "x": 0.12, "len": 0.88, "pad": {"t": 40}}],
        updatemenus=[{"type": "buttons", "x": 0, "y": 0, "xanchor": "left", "yanchor": "top",
                      "pad": {"t": 62}, "showactive": False, "buttons": [{"label": "Play",
                      "method": "animate", "args": [None, quick | {"fromcurrent": False}]}]}],
        legend={"orientation": "v", "y": 1, "x": 1.02, "yanchor": "top"},
    )  # fmt: skip
    table = pd.DataFrame(
        [
            {"layer": one.layer, "id": point.id, "context": point.context + 1, "text": point.text,
             "x": x, "y": y}
            for one in maps for point, (x, y) in zip(made.points, one.at, strict=True)
        ]
    )  # fmt: skip
    alt = (
        f"Map of {len(made.points)} solutions {PLACE_NAMES[place]}, PCA after each of "
        f"{made.layers} layers; two components hold {maps[0].explained:.0%} of the variance of the "
        f"input and {maps[-1].explained:.0%} after the last layer."
    )
    return Chart(f"depth-map-{place}", figure, alt, table)


def _count(made: DepthReport) -> int:
    return 1 + len({point.context for point in made.points})


def _traces(made: DepthReport, at: list[tuple[float, float]]) -> list[go.Scatter]:
    """Return lines that join one text's solutions, then the points of each context."""
    of_text, of_context = defaultdict(list), defaultdict(list)
    for k, point in enumerate(made.points):
        of_text[point.text].append(k)
        of_context[point.context].append(k)
    joined: list[tuple[float | None, float | None]] = []
    for members in of_text.values():
        middle = tuple(np.mean([at[k] for k in members], 0).tolist())
        for k in members if len(members) > 1 else ():
            joined += [at[k], (middle[0], middle[1]), (None, None)]
    lines = go.Scatter(
        x=[x for x, _ in joined], y=[y for _, y in joined], mode="lines", name="one text",
        line={"color": STRAIGHT, "width": 1}, hoverinfo="skip",
    )  # fmt: skip
    points = [
        go.Scatter(
            x=[at[k][0] for k in members], y=[at[k][1] for k in members], mode="markers",
            name=f"context {context + 1}", text=[f"text {made.points[k].text + 1}, seed "
            f"{made.points[k].seed}" for k in members],
            marker={"color": RESTARTS[context % len(RESTARTS)], "size": 8,
                    "symbol": MAP_SYMBOLS[context % len(MAP_SYMBOLS)]},
            hovertemplate="%{text}<extra>context " + str(context + 1) + "</extra>",
        )
        for context, members in sorted(of_context.items())
    ]  # fmt: skip
    return [lines, *points]
