"""Which of the runs that ship with the project is shown: a gallery, each with a line on it."""

from pathlib import Path
from urllib.parse import urlencode

import streamlit as st

from explorer.base.language import tr
from explorer.specs.arrangements import ARRANGEMENTS, KEYS
from explorer.texts import gallery
from widgets import cached
from widgets.choice import told_apart
from widgets.markdown import escaped


def say(button: str) -> None:
    """Say that what is shown ships with the project, and which button makes one's own."""
    st.markdown(
        tr(
            ":gray-badge[:material/history: recorded] :small[:gray[Made with the embedded model on "
            "two CPU cores, and shipped with the project. Press {button} to make your own.]]",
            button=button,
        )
    )


def choose(runs: list[Path]) -> tuple[Path, str]:
    """Show the gallery: the titles of several runs and a line on the chosen one.

    What is chosen is part of the link.

    Returns:
        The folder of what is chosen, and the link that leads back to it.
    """
    order = list(gallery.examples())
    runs = sorted(runs, key=lambda f: order.index(f.name) if f.name in order else len(order))
    picked, link = None, ""
    if len(runs) > 1:
        titles = told_apart({folder.name: escaped(_title(folder)) for folder in runs})
        picked = st.pills(
            tr("Recorded run"), list(titles), default=runs[0].name, required=True, key="recorded",
            format_func=titles.__getitem__, label_visibility="collapsed",
            bind="query-params", wrap=True,
        )  # fmt: skip
        link = f"?{urlencode({'recorded': titles[picked]})}"
    folder = next((folder for folder in runs if folder.name == picked), runs[0])
    if (example := gallery.examples().get(folder.name)) is not None:
        st.markdown(escaped(tr(example.shows)))
    return folder, link


def _title(folder: Path) -> str:
    """Return a run's title in the gallery, else its own with its arrangement, else its name."""
    if (example := gallery.examples().get(folder.name)) is not None:
        return tr(example.title)
    recording, _ = cached.run(folder)
    if recording is None:
        return folder.name
    header = recording.header
    known = header.arrangement in KEYS and ARRANGEMENTS[header.arrangement].checklist_id
    return f"{header.title or folder.name}{f' ({known})' if known else ''}"
