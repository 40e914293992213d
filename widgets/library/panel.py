"""The selected row: its name, note and tags, and everything that is known about it."""

import pandas as pd
import streamlit as st

from explorer.base.errors import ExplorerError
from explorer.base.formatting import human_bytes
from explorer.base.language import later, retold, tr
from explorer.experiments.catalogue import EXPERIMENTS
from explorer.figures.strip import strip_data
from explorer.jobs import client
from explorer.library.comparison import facts, shown
from explorer.library.items import Item
from explorer.library.labels import MAX_TAGS
from explorer.library.selection import size_of
from explorer.people import owners
from explorer.solutions import store
from explorer.solutions.solution import MemoryRecord
from widgets import cached, look_inside, server, token_strip
from widgets.again import run_again
from widgets.markdown import escaped


def show(item: Item, known_tags: set[str]) -> None:
    """Show one item: what it says, its label to be changed, its settings and results."""
    if item.problem:
        st.text(item.problem)
        return
    with st.container(border=True):
        tokens(item, "panel")
        left, right = st.columns([2, 3], gap="large")
        with left:
            if isinstance(item.record, MemoryRecord):
                st.caption(escaped(item.record.refusal))
                _label(item, known_tags)
            else:
                _open(item)
                if item.kind not in NAMELESS:
                    _label(item, known_tags)
                if item.kind == "solution":
                    look_inside.link(item.id)
                    _score_again(item)
        with right:
            _facts(item)


def tokens(item: Item, key: str) -> None:
    """Show what an item says: the strip of its last frame if it was recorded, else its text."""
    seed = item.record.seed if item.record else None
    recording = None
    if item.path is not None and item.kind in ("solution", "run"):
        recording = cached.run(item.path if item.kind == "run" else item.path.parent)[0]
    if recording is None or not len(recording) or (seed not in (None, *recording.header.seeds)):
        st.text(item.text)
        return
    restart = recording.best if seed is None else recording.header.seeds.index(seed)
    data = strip_data(recording, [restart], play=False)
    token_strip.still(f"{key}-{item.kind}-{item.id}", data)


NAMELESS = ("asset", "leftover")
"""Kinds that nobody gives names to."""
JOB_PAGES = {
    "reconstruct": ("reconstruct", "job"),
    "paths": ("paths", "job"),
    "landscape": ("landscape", "job"),
    "radius": ("landscape", "radius"),
    "inside": ("inside", "job"),
    **{f"run {name}": (name.replace("-", "_"), "job") for name in EXPERIMENTS},
}
"""Which page shows a job of each kind, and under which name its link carries the job's id."""
TITLES = {name.replace("-", "_"): made.title for name, made in EXPERIMENTS.items()}
"""What pages are called whose files are not."""


def _open(item: Item) -> None:
    """Link to the page that shows the item with all its charts."""
    page, query = "reconstruct", None
    if item.kind == "solution":
        query = {"solution": item.id}
    elif item.kind == "set":
        page, query = "sets", {"set": item.id}
    elif item.kind == "experiment" and f"run {item.facts['asks']}" in JOB_PAGES:
        page, query = JOB_PAGES[f"run {item.facts['asks']}"][0], {"run": item.id}
    elif item.kind == "paths" and item.ships:
        page, query = "paths", {"record": item.id}
    elif item.kind in ("paths", "landscape") and not item.ships:
        page, name = JOB_PAGES.get(item.facts["asks"], JOB_PAGES[item.kind])
        query = {name: item.id}
    elif item.kind == "job" and item.facts["asks"] in JOB_PAGES:
        page, name = JOB_PAGES[item.facts["asks"]]
        query = {name: item.id}
    elif item.kind == "run" and item.path is not None:
        solutions = cached.run(item.path)[1]
        query = {"solution": solutions[0].record.id} if solutions else None
    if query is not None:
        st.page_link(
            f"pages/{page}.py",
            label=tr("Open on the page {page}", page=tr(TITLES.get(page, page.capitalize()))),
            icon=":material/open_in_new:",
            query_params=query,
        )


def _label(item: Item, known_tags: set[str]) -> None:
    if item.ships:
        st.caption(
            tr("It ships with the project: you can compare and export it, not rename or delete it.")
        )
        return
    if not owners.may(server.person(), item.owner):
        st.caption(tr("Only its owner and the host can rename or delete it."))
        return
    with st.form(f"label-{item.kind}-{item.id}", border=False):
        name = st.text_input(
            tr("Name"), item.label.name, max_chars=120, placeholder=tr("the text itself")
        )
        tags = st.multiselect(
            tr("Tags"),
            sorted(known_tags.union(item.label.tags)),
            list(item.label.tags),
            accept_new_options=True,
            max_selections=MAX_TAGS,
            placeholder=tr("type a word"),
        )
        note = st.text_area(tr("Note"), item.label.note, max_chars=4_000, height=90)
        if st.form_submit_button(tr("Save"), icon=":material/save:"):
            server.relabel(item, name=name or "", note=note or "", tags=tags)
            run_again()


def _score_again(item: Item) -> None:
    """Let the worker run the model once on the vectors and compare with what the file says."""
    record = item.record
    assert record is not None
    if not st.button(tr("Re-check accuracy"), icon=":material/verified:", key=f"score-{item.id}"):
        return
    if not client.worker_status().ready:
        st.info(tr("The worker is not ready yet; try again in a moment."), icon=":material/info:")
        return
    try:
        with st.spinner(tr("One forward pass in float32 …")):
            asked = {"solution": str(item.path)}
            found = server.request("decode", asked, record.model, patience=30)
    except ExplorerError as error:
        st.error(escaped(str(error)), icon=":material/error:")
        return
    right = round(found["accuracy"] * item.length)
    places = {"right": right, "all": item.length, "filed": record.c_tokens, "text": found["text"]}
    st.text(
        tr("{right} of {all} tokens correct, as its file says. Output:\n{text}", **places)
        if right == record.c_tokens
        else tr("{right} of {all} tokens correct; its file says {filed}. Output:\n{text}", **places)
    )


def _facts(item: Item) -> None:
    if item.record is not None:
        known = facts(item.record, item.length)
        del known["text"]  # it stands above
    else:
        known = {"text": item.text, "made": item.created, "id": item.id} | dict(item.facts)
    if item.path is not None:
        known[later("on the disk")] = human_bytes(size_of(item.path))
    if item.kind == "run" and item.path is not None and (race := store.race_of(item.path)):
        known[later("one pass, seconds")] = round(race.one_forward_seconds, 4)
        known[later("token by token, seconds")] = round(race.autoregressive_seconds, 4)
    if "said" in known:
        known["said"] = retold(known["said"])
    values = [shown(value) for value in known.values()]
    table = pd.DataFrame({"setting": [tr(name) for name in known], "value": values})
    st.dataframe(
        table,
        hide_index=True,
        height=390,
        column_config={
            "setting": st.column_config.TextColumn(tr("setting"), width=190),
            "value": tr("value"),
        },
        alt=tr("Settings and results of the selected entry"),
        key=f"facts-{item.kind}-{item.id}",
    )
