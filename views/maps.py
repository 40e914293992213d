"""Maps of solutions in two or three dimensions, and what lies where (UMAP, PCA)."""

from pathlib import Path

import pandas as pd
import streamlit as st
from pydantic import ValidationError

from explorer import catalog, maps
from explorer.distances import between
from explorer.errors import BadInputError, ExplorerError
from explorer.figures import maps as charts
from explorer.figures.strip import preview_data
from explorer.figures.words import plain
from explorer.jobs.specs import MapSpec, in_words
from explorer.maps import SolutionMap
from widgets import cached, jobs, runs, sets, token_strip
from widgets import charts as chart_widget
from widgets.guard import sentences

VECTORS = {"e": "e", "m": "m", "both": "e and m"}
MOST_SHOWN = 12


def settings(chosen: list[str]) -> MapSpec:
    """Ask how to lay the solutions out."""
    fields: dict[str, object] = {"sets": tuple(chosen)}
    method = st.segmented_control(
        "Method", ["pca", "umap"], default="pca", required=True, key="method",
        format_func=str.upper, bind="query-params",
    )  # fmt: skip
    fields["method"] = method
    fields["vector"] = st.segmented_control(
        "Proto-token", list(VECTORS), default="e", required=True, key="map_vector",
        format_func=VECTORS.get, bind="query-params",
    )  # type: ignore[call-overload]  # fmt: skip
    fields["dimensions"] = st.segmented_control(
        "Dimensions", [2, 3], default=2, required=True, key="dimensions"
    )
    if method == "umap":
        left, right = st.columns(2)
        fields["neighbours"] = left.number_input("Neighbours", 2, 200, 10, key="neighbours")
        fields["min_distance"] = right.number_input(
            "Minimum distance", 0.0, 0.99, 0.1, 0.05, key="min_distance"
        )
        fields["metric"] = left.selectbox("Metric", ["cosine", "euclidean"], key="map_metric")
        fields["seed"] = right.number_input("Seed", 0, 2**31 - 1, 0, key="map_seed")
    fields["inexact"] = st.checkbox("Show attempts that are not exact as well", key="inexact")
    try:
        return MapSpec.model_validate(fields)
    except ValidationError as error:
        raise BadInputError(in_words(error)) from error


def made_or_asked(spec: MapSpec) -> SolutionMap | None:
    """Return the map: kept, made at once (PCA), or asked of the worker (UMAP)."""
    made = maps.load(spec)
    if made is None and spec.method == "pca":
        made = maps.make(spec)
        try:
            maps.save(made)
        except ExplorerError as error:
            st.caption(str(error))
    if made is None:
        jobs.offer(spec, "Lay out", "lay-out")
    return made


def purity(made: SolutionMap) -> None:
    """Print how pure neighbourhoods are in the full space: the picture cannot show that."""
    for found in made.record.purity:
        st.metric(
            f"Near: same {found.label}", f"{found.share:.0%}",
            f"{found.chance:.0%} by chance", delta_color="off", delta_arrow="off",
            help=f"In the full space, not in the picture: the share of the nearest "
            f"{found.neighbours} (or as many as there are others) with the same {found.label}, "
            f"over {found.solutions} solutions.",
        )  # fmt: skip
    if made.record.spec.method == "umap":
        st.caption(
            "UMAP shows who is near whom. Sizes of clusters, and gaps between them, mean nothing."
        )


def picture(made: SolutionMap) -> list[str]:
    """Show the map and return the ids of the chosen solutions."""
    colour = st.selectbox("Colour", charts.COLOUR_BY, key="colour", bind="query-params")
    way = runs.choose_trajectory(made) if made.record.spec.method == "pca" else None
    chart = charts.scatter(made, colour, way)
    chosen = chart_widget.show_selectable(chart, f"map-{made.record.key}")
    named = made.points.set_index("id")["text"]
    also = st.multiselect(
        "Solutions by name", list(named.index), key=f"named-{made.record.key}",
        format_func=lambda i: f"{plain(named[i], 50)} ({i[:6]})",
        help="A lasso or clicks in a flat map choose as well.",
    )  # fmt: skip
    ids = [str(c[0] if isinstance(c, list) else c) for c in chosen]
    return [i for i in dict.fromkeys([*ids, *also]) if i in named.index]


def details(made: SolutionMap, ids: list[str]) -> None:
    """Texts, token strips and mutual distances of chosen solutions, and the way to Paths."""
    if not ids:
        st.caption("Choose points with the lasso, by clicking, or by name.")
        return
    shown = ids[:MOST_SHOWN]
    if len(ids) > len(shown):
        st.caption(f"{len(ids)} chosen, the first {len(shown)} shown.")
    solutions = made.solutions
    folder = model_folder(solutions[shown[0]].record.model)
    for i in shown:
        solution = solutions[i]
        record = solution.record
        st.caption(f"{i[:6]} · seed {record.seed} · accuracy {record.accuracy:.3f}")
        if folder is None:
            st.text(record.text)
            continue
        tokenizer = cached.tokenizer(folder)
        target = solution.target_ids.tolist()
        groups = [(g.start, g.stop, g.text) for g in tokenizer.groups(target)]
        data = preview_data(target, groups, tokenizer.pieces(target), len(target))
        token_strip.preview(f"chosen-{i}", data)
    if len(shown) < 2:
        return
    vector = made.record.spec.vector
    rows = [maps.of_pair(solutions[i].e, solutions[i].m, vector) for i in shown]
    names = [i[:6] for i in shown]
    st.write(f"Cosine distances of {VECTORS[vector]}")
    st.dataframe(pd.DataFrame(between(pd.DataFrame(rows).to_numpy(), "cosine"), names, names))
    connect(shown)


def model_folder(name: str) -> Path | None:
    """Return where a model's tokenizer lies, None if the model is not on this disk."""
    try:
        return catalog.find(name).folder
    except ExplorerError:
        return None


def connect(ids: list[str]) -> None:
    """Offer to walk from one solution to another."""
    left, right = st.columns(2)
    a = left.selectbox("From", ids, 0, format_func=lambda i: i[:6], key="connect_a")
    b = right.selectbox("To", ids, 1, format_func=lambda i: i[:6], key="connect_b")
    st.link_button(
        "Connect these two", f"./paths?a={a}&b={b}", icon=":material/conversion_path:",
        disabled=a == b,
    )  # fmt: skip


st.title("Maps", anchor=False)
spec, made = None, None
with sentences():
    left, right = st.columns([2, 5], gap="large")
    with left, sentences():
        chosen = sets.choose_several()
        spec = settings(chosen) if chosen else None
    with right, sentences():
        made = made_or_asked(spec) if spec is not None else None
        ids = picture(made) if made is not None else []
        if made is not None:
            details(made, ids)
    if made is not None:
        with left:
            purity(made)
