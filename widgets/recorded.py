"""Which of the runs that ship with the project is shown."""

from pathlib import Path

import streamlit as st

from explorer.specs.arrangements import ARRANGEMENTS, KEYS
from widgets import cached
from widgets.markdown import escaped


def choose(runs: list[Path]) -> Path:
    """Show the badge and, where several runs ship, a row of their titles; return the chosen one."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge("recorded", icon=":material/history:", color="gray")
        titles = {folder.name: _title(folder) for folder in runs}
        chosen = runs[0].name
        if len(runs) > 1:
            picked = st.pills(
                "Recorded run",
                list(titles),
                default=chosen,
                required=True,
                format_func=lambda name: escaped(titles[name]),
                key="recorded",
                label_visibility="collapsed",
            )
            chosen = picked or chosen
    st.caption(
        "Made earlier with the embedded model on two CPU cores, and shipped with the project. "
        "Press Start to make your own."
    )
    return next(folder for folder in runs if folder.name == chosen)


def _title(folder: Path) -> str:
    """Return a run's title with the arrangement it was trained in, or its folder's name."""
    recording, _ = cached.run(folder)
    if recording is None:
        return folder.name
    header = recording.header
    known = header.arrangement in KEYS and ARRANGEMENTS[header.arrangement].checklist_id
    return f"{header.title or folder.name}{f' ({known})' if known else ''}"
