"""Solutions chosen in a map: their texts and distances, and what can be done with them."""

from collections.abc import Sequence
from functools import partial
from itertools import combinations

import pandas as pd
import streamlit as st

from explorer.base.formatting import counted, shortened
from explorer.base.language import tr
from explorer.geometry.distances import between, stack
from explorer.geometry.maps import SolutionMap
from explorer.library.items import items
from explorer.library.labels import MAX_TAG
from explorer.people import owners
from widgets import cached, download, look_inside, server, token_strip
from widgets.choice import told_apart
from widgets.map_set_up import VECTORS
from widgets.markdown import escaped

MOST_SHOWN = 12


def details(made: SolutionMap, ids: list[str]) -> None:
    """Show texts, token strips and distances of chosen solutions, and the way to Paths."""
    if not ids:
        st.caption(
            tr(
                "Click a point, draw a lasso around several (in the corner of the map), or choose "
                "solutions by their text, above the map."
            )
        )
        return
    shown = ids[:MOST_SHOWN]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            tr("{count} chosen, the first {shown} shown.", count=len(ids), shown=len(shown))
            if len(ids) > len(shown)
            else tr("{count} chosen.", count=len(ids))
        )
        download.button(
            "CSV",
            partial(made.csv, ids),
            "chosen.csv",
            "chosen-csv",
            tr(
                "The chosen solutions, one row each: place in the map, context, text, seed, "
                "accuracy."
            ),
            "text/csv",
        )
        _tag(ids)
    solutions = made.solutions
    tokenizer = cached.tokenizer_of(solutions[shown[0]].record.model)
    for i in shown:
        solution = solutions[i]
        record = solution.record
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(
                tr(
                    "{id} · seed {seed} · accuracy {accuracy}",
                    id=escaped(i[:6]),
                    seed=record.seed,
                    accuracy=f"{record.accuracy:.3f}",
                )
            )
            look_inside.link(i)
        if tokenizer is None:
            st.text(record.text)
            continue
        target = solution.target_ids.tolist()
        token_strip.preview(f"chosen-{i}", tokenizer, target, len(target))
    if len(shown) < 2:
        return
    vector = made.record.spec.vector
    rows = stack([solutions[i] for i in shown], vector)
    names = list(told_apart({i: i[:6] for i in shown}).values())
    said = tr("Cosine distances of {name}", name=tr(VECTORS[vector]))
    st.write(said)
    st.dataframe(pd.DataFrame(between(rows, "cosine"), names, names), alt=said)
    connect({i: solutions[i].record.text for i in shown})


def _tag(ids: Sequence[str]) -> None:
    """Offer to give everything that is chosen a tag, by which the Library finds it."""
    with st.popover(tr("Tag"), icon=":material/sell:", key="tag-chosen"):
        word = st.text_input(
            tr("Tag"), max_chars=MAX_TAG, key="tag-word", placeholder=tr("type a word")
        )
        if not st.button(tr("Tag them"), key="tag-them", disabled=not (word or "").strip()):
            return
        found = [item for item in items("solution") if item.id in set(ids) and not item.ships]
        for item in (own := [item for item in found if owners.may(server.person(), item.owner)]):
            tags = [*item.label.tags, word]
            server.relabel(item, name=item.label.name, note=item.label.note, tags=tags)
        if own:
            tagged = counted(len(own), "solution")
            st.success(tr("{solutions} tagged. The Library filters by tags.", solutions=tagged))
        if len(own) < len(ids):
            st.info(tr("What ships with the project, or is somebody else's, cannot be tagged."))


def connect(texts: dict[str, str]) -> None:
    """Offer to walk from one solution to another, at first to one of the same text.

    Args:
        texts: of two solutions or more, by id.
    """
    ids = list(texts)
    pairs = [(a, b) for a, b in combinations(ids, 2) if texts[a] == texts[b]]
    first, second = pairs[0] if pairs else ids[:2]
    left, right = st.columns(2)
    called = told_apart({i: f"{shortened(text, 40)} ({i[:6]})" for i, text in texts.items()})
    named = called.__getitem__
    a = left.selectbox(tr("From"), ids, ids.index(first), format_func=named, key="connect_a")
    b = right.selectbox(tr("To"), ids, ids.index(second), format_func=named, key="connect_b")
    same = texts[a] == texts[b]
    st.link_button(
        tr("Connect these two"),
        f"./paths?a={a}&b={b}",
        icon=":material/conversion_path:",
        disabled=a == b or not same,
    )
    if not same:
        st.caption(tr("Only two solutions of the same text can be connected."))
