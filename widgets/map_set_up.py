"""How solutions are laid out in a map: the settings, and the map made or asked for."""

from urllib.parse import urlencode

import streamlit as st

from explorer.base.errors import ExplorerError
from explorer.base.language import later, tr
from explorer.base.value import valid
from explorer.geometry import maps
from explorer.geometry.depth import Place
from explorer.geometry.distances import Vector
from explorer.geometry.maps import SolutionMap
from explorer.jobs import client
from explorer.specs.jobs import MapSpec
from widgets import jobs, words
from widgets.choice import one_of
from widgets.markdown import escaped

VECTORS: dict[Vector, str] = {"e": "e", "m": "m", "both": later("e and m together")}
INPUT = "input"
SPACES: dict[str, str] = {
    INPUT: later("e and m themselves, as in the paper"),
    "e": later("Layer by layer: where e stands (mean)"),
    "m": later("Layer by layer: where m stands (mean)"),
    "last": later("Layer by layer: at the last position"),
}
"""What can be laid out: the vectors, or the states of each layer."""


def settings(chosen: list[str]) -> MapSpec:
    """Ask how to lay the solutions out; at first as UMAP where that map is kept, else as PCA."""
    fields: dict[str, object] = {"sets": tuple(chosen)}
    space = st.selectbox(
        tr("What the map shows"),
        list(SPACES),
        key="space",
        format_func=lambda name: tr(SPACES[name]),
        bind="query-params",
        help=tr(
            "The vectors themselves, or what the model makes of them: its hidden states after each "
            "layer. The paper says nothing about hidden states."
        ),
    )
    if space != INPUT:
        fields["place"] = space
    kept = maps.load(valid(MapSpec, fields | {"method": "umap"})) is not None
    method = one_of(
        tr("Method"),
        {"pca": "PCA", "umap": "UMAP"},
        "umap" if kept else "pca",
        key="method",
        bind="query-params",
        help=words.help_for("UMAP", "PCA"),
    )
    fields["method"] = method
    if space == INPUT:
        fields["vector"] = one_of(
            tr("Proto-token"),
            VECTORS,
            key="map_vector",
            bind="query-params",
            help=words.help_for(tr("Proto-token"), "e", "m"),
        )
    fields["dimensions"] = one_of(tr("Dimensions"), [2, 3], key="dimensions")
    if method == "umap":
        left, right = st.columns(2)
        fields["neighbours"] = left.number_input(tr("Neighbors"), 2, 200, 10, key="neighbours")
        fields["min_distance"] = right.number_input(
            tr("Minimum distance"), 0.0, 0.99, 0.1, 0.05, key="min_distance"
        )
        fields["metric"] = left.selectbox(
            tr("Distance"), ["cosine", "euclidean"], key="map_metric", format_func=tr
        )
        fields["seed"] = right.number_input(tr("Seed"), 0, 2**31 - 1, 0, key="map_seed")
    fields["inexact"] = st.checkbox(tr("Also show attempts that are not exact"), key="inexact")
    return valid(MapSpec, fields)


def link(set_id: str, place: Place) -> str:
    """Return the address of a set's map through the layers; a choice is named by its words."""
    return f"./maps?{urlencode({'set': set_id, 'space': tr(SPACES[place])})}"


def made_or_asked(spec: MapSpec) -> SolutionMap | None:
    """Return the map: kept, made at once (PCA), or asked of the worker (UMAP)."""
    made = maps.load(spec)
    if made is None and spec.method == "pca" and spec.place is None:
        made = maps.make(spec)
        try:
            maps.save(made)
        except ExplorerError as error:
            st.caption(escaped(str(error)))
    if made is None:
        _announce()
        jobs.offer(spec, tr("Compute map"), "lay-out")
    return made


def _announce() -> None:
    """Let the worker get UMAP ready while the settings are chosen, once in a session."""
    if not st.session_state.get("maps-announced"):
        client.announce(client.MAPS_SOON)
        st.session_state["maps-announced"] = True
