"""Everything stored on this machine: solutions, recorded runs, sets, jobs, and the trash."""

import streamlit as st

from explorer.formatting import human_bytes
from explorer.labels import Kind
from explorer.library import Item, items
from explorer.selection import disk_use
from widgets import start
from widgets.guard import sentences
from widgets.library import actions, compare, filters, imports, panel, rubbish, table

ROOMS: dict[str, Kind | None] = {
    "Solutions": "solution",
    "Runs": "run",
    "Sets": "set",
    "Jobs": "job",
    "Trash": None,
}
EMPTY = {
    "solution": "No solution is stored yet. Train something on the Reconstruct page.",
    "run": "No run is recorded yet. Train something on the Reconstruct page.",
    "set": "There are no sets yet.",
    "job": "No job has been started yet.",
}


def browse(kind: Kind) -> None:
    """Everything of one kind: search, table, and what is selected in it."""
    everything = items(kind)
    if not everything:
        st.info(EMPTY[kind], icon=":material/info:")
        return
    listed = filters.choose(kind, everything)
    if not listed:
        st.info("Nothing fits. Search for less, or take a filter away.", icon=":material/search:")
        return
    selected = table.show(kind, listed)
    actions.show(kind, len(listed), selected)
    readable = [item for item in selected if item.record is not None]
    if len(selected) == len(readable) == 2:
        compare.show(*readable)
    elif len(selected) == 1:
        panel.show(selected[0], _tags(everything))


def _tags(everything: list[Item]) -> list[str]:
    return sorted({tag for item in everything for tag in item.label.tags})


def disk() -> None:
    """Say how much of the disk is taken, and by what."""
    parts = {name: size for name, size in disk_use().items() if size}
    said = " · ".join(f"{name} {human_bytes(size)}" for name, size in parts.items())
    st.caption(f"On this disk {human_bytes(sum(parts.values()))}: {said or 'nothing'}")


start.through_entry()
st.title("Library", anchor=False)
with sentences():
    with st.container(horizontal=True, vertical_alignment="center"):
        room = st.segmented_control(
            "What", list(ROOMS), default="Solutions", required=True, key="room",
            bind="query-params", label_visibility="collapsed",
        )  # fmt: skip
        imports.show()
    imports.report()
    actions.undo_bar()
    kind = ROOMS[room or "Solutions"]
    if kind is None:
        rubbish.show()
    else:
        browse(kind)
    disk()
