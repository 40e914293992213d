"""Everything stored on this machine, kind by kind, what of it nothing needs, and the trash."""

import streamlit as st

from explorer.assets import hub
from explorer.base.formatting import human_bytes
from explorer.library.items import Item, items
from explorer.library.labels import Kind
from explorer.library.selection import disk_use, size_of
from widgets import start
from widgets.guard import sentences
from widgets.library import actions, compare, filters, imports, panel, table, trash

ROOMS: dict[str, Kind | None] = {
    "Solutions": "solution",
    "Runs": "run",
    "Sets": "set",
    "Paths": "paths",
    "Landscapes": "landscape",
    "Experiments": "experiment",
    "Analyses": "analysis",
    "Models and texts": "asset",
    "Jobs": "job",
    "Leftovers": "leftover",
    "Trash": None,
}
EMPTY = {
    "solution": "No solution is stored yet. Train something on the Reconstruct page.",
    "run": "No run is recorded yet. Train something on the Reconstruct page.",
    "set": "There are no sets yet.",
    "paths": "No two solutions have been connected yet. Do so on the Paths page.",
    "landscape": "No plane has been measured yet. Do so on the Landscape page.",
    "experiment": "No experiment has been run yet.",
    "analysis": "No map and no distances have been computed here yet.",
    "asset": "No model and no texts have been downloaded yet.",
    "job": "No job has been started yet.",
    "leftover": "Nothing is left over: here comes what jobs that are long over left behind.",
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
    actions.show(kind, listed, selected)
    readable = [item for item in selected if item.record is not None]
    if len(selected) == len(readable) == 2:
        compare.show(*readable)
    elif len(selected) == 1:
        panel.show(selected[0], _tags(everything))


def _tags(everything: list[Item]) -> list[str]:
    return sorted({tag for item in everything for tag in item.label.tags})


def hub_models() -> None:
    """Say what models from the hub take: they lie where other programs look for them too."""
    if size := size_of(hub.cache_folder()):
        st.caption(
            f"Models from the hub take {human_bytes(size)} more. They lie in the hub's own cache, "
            "which other programs share: `hf cache ls` lists them, `hf cache rm` deletes them."
        )


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
            "What",
            list(ROOMS),
            default="Solutions",
            required=True,
            key="room",
            bind="query-params",
            label_visibility="collapsed",
        )
        imports.show()
    imports.report()
    actions.undo_bar()
    kind = ROOMS[room or "Solutions"]
    if kind is None:
        trash.show()
    else:
        browse(kind)
    if kind == "asset":
        hub_models()
    disk()
