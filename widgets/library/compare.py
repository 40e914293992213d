"""Two selected solutions side by side: tokens, results, curves, settings."""

import streamlit as st

from explorer.base.language import later, tr
from explorer.figures import run as figures
from explorer.figures.run import Curve
from explorer.library.comparison import cosine_distance, side_by_side
from explorer.library.items import Item
from explorer.solutions.solution import MemoryRecord, Solution, load_solution
from widgets import cached, charts, words
from widgets.library.panel import tokens
from widgets.markdown import escaped

NAMES = (later("first"), later("second"))


def show(one: Item, other: Item) -> None:
    """Compare two readable solutions."""
    assert one.path is not None and other.path is not None
    for item in (one, other):
        if isinstance(item.record, MemoryRecord):
            st.info(escaped(item.record.refusal), icon=":material/info:")
            return
    pair = (load_solution(one.path), load_solution(other.path))
    with st.container(border=True):
        for column, item, name in zip(st.columns(2, gap="large"), (one, other), NAMES, strict=True):
            with column:
                _side(item, name)
        _distances(*pair)
        _curves(one, other)
        _settings(*pair)


def _side(item: Item, name: str) -> None:
    record = item.record
    assert record is not None
    st.subheader(tr(name).capitalize(), anchor=False)
    if item.label.name:
        st.text(item.label.name)
    tokens(item, f"compare-{name}")
    with st.container(horizontal=True):
        words.metric(tr("Correct tokens"), f"{record.c_tokens} / {item.length}")
        words.metric(tr("Steps"), f"{record.steps}")
        words.metric(tr("Seed"), f"{record.seed}")


def _distances(one: Solution, other: Solution) -> None:
    e, m = cosine_distance(one.e, other.e), cosine_distance(one.m, other.m)
    if e is None or m is None:
        st.caption(
            tr("Their vectors cannot be compared: they belong to models with a different d_model.")
        )
        return
    with st.container(horizontal=True):
        words.metric(tr("Cosine distance of e"), f"{e:.3f}", help=tr(DISTANCE_HELP))
        words.metric(tr("Cosine distance of m"), f"{m:.3f}", help=tr(DISTANCE_HELP))
    if one.record.fingerprint != other.record.fingerprint:
        st.caption(tr("They belong to different models, so these distances mean little."))


DISTANCE_HELP = later(
    "1 − cosine. Two random vectors are at about 1 ± 1/√d_model, equal ones at 0."
)


def _curves(one: Item, other: Item) -> None:
    """Draw the curves of those that were recorded."""
    curves: list[Curve] = []
    for item, name in zip((one, other), NAMES, strict=True):
        assert item.path is not None and item.record is not None
        recording = cached.run(item.path.parent)[0]
        seed = item.record.seed
        if recording is not None and seed in recording.header.seeds:
            called = tr("{name}, seed {seed}", name=tr(name), seed=seed)
            curves.append((called, recording, recording.header.seeds.index(seed)))
    if not curves:
        st.caption(tr("Neither has a recording, so there are no curves."))
        return
    left, right = st.columns(2)
    key = f"compare-{one.id}-{other.id}"
    with left:
        charts.show(figures.compared(curves, "accuracy"), key)
    with right:
        charts.show(figures.compared(curves, "loss"), key)


def _settings(one: Solution, other: Solution) -> None:
    table = side_by_side(one, other)
    if st.toggle(tr("Only what differs"), value=True, key="differs"):
        table = table[table["differs"]]
    if table.empty:
        st.caption(tr("Nothing differs."))
        return
    st.dataframe(
        table.drop(columns="differs").assign(setting=table["setting"].map(tr)),
        hide_index=True,
        key="compare-settings",
        column_config={
            "setting": st.column_config.TextColumn(tr("setting"), width=190),
            **{name: tr(name) for name in NAMES},
        },
        alt=tr("Settings and results of both, side by side"),
    )
