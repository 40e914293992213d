"""A map on the page: the picture, the points a person chose, and what lies near what."""

from itertools import combinations
from pathlib import Path

import pandas as pd
import streamlit as st

from explorer.assets import catalog
from explorer.base.errors import ExplorerError
from explorer.base.formatting import counted
from explorer.figures import maps as charts
from explorer.figures.strip import preview_data
from explorer.figures.words import shortened
from explorer.geometry.distances import between, stack
from explorer.geometry.maps import SolutionMap
from widgets import cached, look_inside, runs, token_strip, words
from widgets import charts as chart_widget
from widgets.map_set_up import VECTORS
from widgets.markdown import escaped

MOST_SHOWN = 12


def purity(made: SolutionMap) -> None:
    """Print how pure neighbourhoods are in the full space: the picture cannot show that."""
    for found in made.record.purity:
        words.metric(
            f"Near: same {found.label}", f"{found.share:.0%}",
            f"{found.chance:.0%} by chance", delta_color="off", delta_arrow="off",
            help=f"In the full space, not in the picture: the share of the nearest "
            f"{found.neighbours} (or as many as there are others) with the same {found.label}, "
            f"over {counted(found.solutions, made.record.spec.noun)}.",
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
        format_func=lambda i: f"{shortened(named[i], 50)} ({i[:6]})",
        help="A click in a flat map chooses as well, with Shift one more; box and lasso are in the "
        "map's corner.",
    )  # fmt: skip
    ids = [str(c[0] if isinstance(c, list) else c) for c in chosen]
    return [i for i in dict.fromkeys([*ids, *also]) if i in named.index]


def details(made: SolutionMap, ids: list[str]) -> None:
    """Texts, token strips and mutual distances of chosen solutions, and the way to Paths."""
    if not ids:
        st.caption("Click a point, draw a lasso around several (map's corner), or choose by name.")
        return
    shown = ids[:MOST_SHOWN]
    if len(ids) > len(shown):
        st.caption(f"{len(ids)} chosen, the first {len(shown)} shown.")
    solutions = made.solutions
    folder = model_folder(solutions[shown[0]].record.model)
    for i in shown:
        solution = solutions[i]
        record = solution.record
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{escaped(i[:6])} · seed {record.seed} · accuracy {record.accuracy:.3f}")
            look_inside.link(i)
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
    rows = stack([solutions[i] for i in shown], vector)
    names = [i[:6] for i in shown]
    st.write(f"Cosine distances of {VECTORS[vector]}")
    st.dataframe(pd.DataFrame(between(rows, "cosine"), names, names))
    connect({i: solutions[i].record.text for i in shown})


def model_folder(name: str) -> Path | None:
    """Return where a model's tokenizer lies, None if the model is not on this disk."""
    try:
        return catalog.find(name).folder
    except ExplorerError:
        return None


def connect(texts: dict[str, str]) -> None:
    """Offer to walk from one solution to another, at first to one of the same text.

    Args:
        texts: of two solutions or more, by id.
    """
    ids = list(texts)
    pairs = [(a, b) for a, b in combinations(ids, 2) if texts[a] == texts[b]]
    first, second = pairs[0] if pairs else ids[:2]
    left, right = st.columns(2)
    named = {i: f"{shortened(text, 40)} ({i[:6]})" for i, text in texts.items()}.__getitem__
    a = left.selectbox("From", ids, ids.index(first), format_func=named, key="connect_a")
    b = right.selectbox("To", ids, ids.index(second), format_func=named, key="connect_b")
    same = texts[a] == texts[b]
    st.link_button(
        "Connect these two", f"./paths?a={a}&b={b}", icon=":material/conversion_path:",
        disabled=a == b or not same,
    )  # fmt: skip
    if not same:
        st.caption("Only two solutions of the same text can be connected.")
