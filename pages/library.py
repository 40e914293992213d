"""Everything stored on this machine, kind by kind, what of it nothing needs, and the trash."""

import streamlit as st

from explorer.assets import hub
from explorer.base.formatting import human_bytes
from explorer.base.language import later, tr
from explorer.library.items import items
from explorer.library.labels import Kind
from explorer.library.selection import disk_use, size_of
from widgets import start
from widgets.choice import one_of
from widgets.guard import sentences
from widgets.library import actions, compare, filters, imports, panel, table

ROOMS: dict[str, Kind | None] = {
    later("Solutions"): "solution",
    later("Runs"): "run",
    later("Sets"): "set",
    later("Paths"): "paths",
    later("Landscapes"): "landscape",
    later("Experiments"): "experiment",
    later("Analyses"): "analysis",
    later("Models and texts"): "asset",
    later("Jobs"): "job",
    later("Leftovers"): "leftover",
    later("Trash"): None,
}
EMPTY = {
    "solution": later("No solution is stored yet. Train one on the Reconstruct page."),
    "run": later("No run is recorded yet. Start one on the Reconstruct page."),
    "set": later("There are no sets yet. Make one on the Sets page."),
    "paths": later("No two solutions are connected yet. Connect two on the Paths page."),
    "landscape": later("No plane is measured yet. Measure one on the Landscape page."),
    "experiment": later("No experiment has been run yet. Choose one under Experiments."),
    "analysis": later("No map or distance is computed yet. Use the Maps or the Distances page."),
    "asset": later("No model or text is downloaded yet. Choose a model on the Reconstruct page."),
    "job": later("No job has been started yet."),
    "leftover": later("Nothing is left over. Files that old jobs left behind are listed here."),
}


def browse(kind: Kind) -> None:
    """Show everything of one kind: search, table, and what is selected in it."""
    everything = items(kind)
    if not everything:
        st.info(tr(EMPTY[kind]), icon=":material/info:")
        return
    listed = filters.choose(kind, everything)
    if not listed:
        st.info(tr("No matches. Shorten the search or remove a filter."), icon=":material/search:")
        return
    selected = table.show(kind, listed)
    actions.show(kind, listed, selected)
    readable = [item for item in selected if item.record is not None]
    if len(selected) == len(readable) == 2:
        compare.show(*readable)
    elif len(selected) == 1:
        panel.show(selected[0], {tag for item in everything for tag in item.label.tags})


def hub_models() -> None:
    """Say what models from the hub take: they lie where other programs look for them too."""
    if size := size_of(hub.cache_folder()):
        st.caption(
            tr(
                "Models from the hub take up another {size}. They are in the hub's own cache, "
                "which other programs share: `hf cache ls` lists them, `hf cache rm` deletes them.",
                size=human_bytes(size),
            )
        )


def disk() -> None:
    """Say how much of the disk is taken, and by what."""
    parts = {name: size for name, size in disk_use().items() if size}
    said = " · ".join(f"{tr(name)} {human_bytes(size)}" for name, size in parts.items())
    size = human_bytes(sum(parts.values()))
    st.caption(tr("{size} on this disk: {parts}", size=size, parts=said or tr("nothing")))


start.page(tr("Library"))
with sentences():
    with st.container(horizontal=True, vertical_alignment="center"):
        room = one_of(
            tr("What to show"),
            list(ROOMS),
            key="room",
            bind="query-params",
            label_visibility="collapsed",
        )
        imports.show()
    imports.report()
    actions.undo_bar()
    kind = ROOMS[room]
    if kind is None:
        actions.show_trash()
    else:
        browse(kind)
    if kind == "asset":
        hub_models()
    disk()
