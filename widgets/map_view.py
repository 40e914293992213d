"""A map on the page: the picture, and what lies near what."""

import streamlit as st

from explorer.base.formatting import counted
from explorer.figures import maps as charts
from explorer.figures.words import shortened
from explorer.geometry.maps import SolutionMap
from widgets import charts as chart_widget
from widgets import runs, words

LAYERS = (
    "Each layer is laid out from the one before and turned to lie nearest to it, its size divided "
    "out. The paper claims nothing of hidden states."
)


def purity(made: SolutionMap) -> None:
    """Print how pure neighbourhoods are in the full space: the picture cannot show that."""
    last = len(made.record.layers) - 1
    where, label = "In the full space", "Near"
    if made.record.layers:
        where, label = "In the hidden states", f"Near after layer {last}"
    for found in made.record.purity:
        words.metric(
            f"{label}: same {found.label}",
            f"{found.share:.0%}",
            f"{found.chance:.0%} by chance",
            delta_color="off",
            delta_arrow="off",
            help=f"{where}, not in the picture: the share of the nearest "
            f"{found.neighbours} (or as many as there are others) with the same {found.label}, "
            f"over {counted(found.solutions, made.record.spec.noun)}.",
        )
    if made.record.spec.method == "umap":
        st.caption(
            "UMAP shows who is near whom. Sizes of clusters, and gaps between them, mean nothing."
        )


def picture(made: SolutionMap) -> list[str]:
    """Show the map and return the ids of the chosen solutions."""
    spec = made.record.spec
    left, right = st.columns(2)
    colour = left.selectbox("Colour", charts.COLOUR_BY, key="colour", bind="query-params")
    joined = right.selectbox(
        "Join points of one text",
        charts.JOINED,
        int(bool(made.record.layers)),
        key="joined" if spec.place is None else "joined-by-layer",
    )
    way = None
    if spec.method == "pca" and spec.place is None:
        way = runs.choose_trajectory(made)
    chart = charts.scatter(made, colour, way, joined)
    chosen = chart_widget.show_selectable(chart, f"map-{made.record.key}")
    if made.record.layers:
        st.caption(LAYERS)
    named = made.points.set_index("id")["text"]
    also = st.multiselect(
        "Solutions by name",
        list(named.index),
        key=f"named-{made.record.key}",
        format_func=lambda i: f"{shortened(named[i], 50)} ({i[:6]})",
        help="A click in a flat map chooses as well, with Shift one more; box and lasso are in the "
        "map's corner.",
    )
    ids = [str(c[0] if isinstance(c, list) else c) for c in chosen]
    return [i for i in dict.fromkeys([*ids, *also]) if i in named.index]
