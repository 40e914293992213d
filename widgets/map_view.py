"""A map on the page: the picture, and what lies near what."""

from dataclasses import replace

import streamlit as st

from explorer.base.formatting import counted, shortened
from explorer.base.language import later, tr
from explorer.figures import maps as charts
from explorer.geometry.maps import SolutionMap
from widgets import charts as chart_widget
from widgets import runs, sources, words
from widgets.choice import told_apart

LAYERS = later(
    "Each layer has a map of its own, scaled to the same size and turned to match the one before. "
    "The paper says nothing about hidden states."
)
COLOURS = {name: name for name in charts.COLOUR_BY} | {
    "text": later("output text"),
    "restart": later("restart of the text"),
    "set": later("set of the solution"),
}
"""What colors are called where their own name, in another language, is that of something else."""


def purity(made: SolutionMap) -> None:
    """Print how pure neighbourhoods are in the full space: the picture cannot show that."""
    last = len(made.record.layers) - 1
    where = tr("In the hidden states") if made.record.layers else tr("In the full space")
    for found in made.record.purity:
        shared = tr(found.label)
        words.metric(
            tr("Near after layer {layer}: same {what}", layer=last, what=shared)
            if made.record.layers
            else tr("Near: same {what}", what=shared),
            f"{found.share:.0%}",
            tr("{share} by chance", share=f"{found.chance:.0%}"),
            spread=True,
            help=tr(
                "{where}, not in the picture: how many of the {neighbours} nearest neighbors (or "
                "of all others, if there are fewer) have the same {what}. Measured on {points}.",
                where=where,
                neighbours=found.neighbours,
                what=shared,
                points=counted(found.solutions, made.record.spec.noun),
            ),
        )
    if made.record.spec.method == "umap":
        st.caption(
            tr(
                "UMAP shows which solutions are close to each other. The sizes of clusters and the "
                "gaps between them mean nothing."
            )
        )


def picture(made: SolutionMap) -> list[str]:
    """Show the map and return the ids of the chosen solutions."""
    spec = made.record.spec
    left, right = st.columns(2)
    colour = left.selectbox(
        tr("Color by"),
        charts.COLOUR_BY,
        key="colour",
        format_func=lambda name: tr(COLOURS[name]),
        bind="query-params",
    )
    joined = right.selectbox(
        tr("Join points of one text"),
        charts.JOINED,
        int(bool(made.record.layers)),
        key="joined" if spec.place is None else "joined-by-layer",
        format_func=tr,
    )
    way = None
    if spec.method == "pca" and spec.place is None:
        way = runs.choose_trajectory(made)
    named = made.points.set_index("id")["text"]
    called = told_apart({i: f"{shortened(named[i], 50)} ({i[:6]})" for i in named.index})
    also = st.multiselect(
        tr("Choose solutions by their text"),
        list(named.index),
        key=f"named-{made.record.key}",
        format_func=called.__getitem__,
        help=tr(
            "For this list the keyboard is enough. You can also click points in a flat map, "
            "several with Shift; on a phone the second tap on a point chooses it. Box and lasso "
            "are in the corner of the map."
        ),
    )
    chart = charts.scatter(made, colour, way, joined)
    alt = tr("{alt} Every point can be chosen in the list above it as well.", alt=chart.alt)
    chosen = chart_widget.show_selectable(replace(chart, alt=alt), f"map-{made.record.key}")
    if made.record.layers:
        st.caption(tr(LAYERS))
    clicked = [str(c[0] if isinstance(c, list) else c) for c in chosen]
    ids = [i for i in dict.fromkeys([*clicked, *also]) if i in named.index]
    _mark(named.index[named.isin(named[ids])].tolist())
    if ids and spec.dimensions == 2:
        st.caption(tr("Points with a thick rim output the same text as a chosen one."))
    return ids


def _mark(ids: list[str]) -> None:
    """Give points a thick rim in the map as it is: drawn anew, it would forget zoom and layer."""
    component = sources.component("map-marks", "map_marks.js")
    with st.container(key="map-marks"):
        component(key="marks", data={"ids": ids})
