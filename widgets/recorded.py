"""Which of the runs that ship with the project is shown."""

from pathlib import Path

import streamlit as st

from explorer.specs.arrangements import ARRANGEMENTS, KEYS
from widgets import cached
from widgets.markdown import escaped


def say(button: str) -> None:
    """Say that what is shown ships with the project, and which button makes one's own."""
    st.badge("recorded", icon=":material/history:", color="gray")
    st.caption(
        "Made earlier with the embedded model on two CPU cores, and shipped with the project. "
        f"Press {button} to make your own."
    )


def choose(runs: list[Path]) -> Path:
    """Show a row of the titles of several runs; return the chosen one's folder."""
    titles = {folder.name: _title(folder) for folder in runs}
    picked = None
    if len(runs) > 1:
        picked = st.pills(
            "Recorded run",
            list(titles),
            default=runs[0].name,
            required=True,
            format_func=lambda name: escaped(titles[name]),
            key="recorded",
            label_visibility="collapsed",
        )
    return next((folder for folder in runs if folder.name == picked), runs[0])


def _title(folder: Path) -> str:
    """Return a run's title with the arrangement it was trained in, or its folder's name."""
    recording, _ = cached.run(folder)
    if recording is None:
        return folder.name
    header = recording.header
    known = header.arrangement in KEYS and ARRANGEMENTS[header.arrangement].checklist_id
    return f"{header.title or folder.name}{f' ({known})' if known else ''}"
