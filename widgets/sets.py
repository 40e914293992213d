"""Solution sets on pages: choosing one or several, and reading them once."""

from pathlib import Path

import streamlit as st

from explorer.base.formatting import counted
from explorer.base.language import tr
from explorer.solutions import sets
from explorer.solutions.sets import SetRecord, SolutionSet
from widgets.cached import Newest
from widgets.guard import unreadable
from widgets.markdown import escaped


def files(folder: Path) -> list[Path]:
    """Return by what one version of a set is told from another: files of it may go or come back."""
    return [folder, folder / sets.SET_FILE]


record = Newest(sets.load, 64, files)
_read = Newest(sets.read, 16, files)


def known() -> dict[str, SetRecord]:
    """Return every set that can be read by its id; say which cannot."""
    found: dict[str, SetRecord] = {}
    for folder in sets.set_folders():
        with unreadable():
            made = record(folder)
            found[made.id] = made
    return found


def read(name: str) -> SolutionSet:
    """Return a set with its exact solutions.

    Raises:
        BadInputError: if there is none of that id.
        CorruptFileError: if it cannot be read.
    """
    return _read(sets.find(name))


def choose() -> str | None:
    """Show the picker of one set and return its id, or None where there is no set."""
    found = known()
    if not found:
        _none_yet()
        return None
    ids = list(found)
    chosen = st.selectbox(
        tr("Solution set"),
        ids,
        ids.index(_linked(ids)),
        format_func=lambda i: found[i].name,
        key="chosen_set",
    )
    _describe(found[chosen])
    return chosen


def choose_several() -> list[str]:
    """Show the picker of several sets and return their ids."""
    found = known()
    if not found:
        _none_yet()
        return []
    chosen = st.multiselect(
        tr("Solution sets"),
        list(found),
        [_linked(list(found))],
        format_func=lambda i: found[i].name,
        key="chosen_sets",
        help=tr("Sets of one model and one length can share a map."),
    )
    for name in chosen:
        _describe(found[name])
    return [str(name) for name in chosen]


def _linked(ids: list[str]) -> str:
    """Return the set that the link names, else the first; say so if it names another."""
    if not (wanted := st.query_params.get("set")):
        return ids[0]
    if found := next((name for name in ids if name.startswith(wanted)), None):
        return found
    st.info(tr("The set that the link names is not on this machine. This is another one."))
    return ids[0]


def _none_yet() -> None:
    st.info(tr("There is no solution set on this machine yet. Make one on the Sets page."))


def _describe(record: SetRecord) -> None:
    if record.problem:
        st.warning(escaped(record.problem), icon=":material/broken_image:")
    said = [record.regime_in_words]
    if record.unsolved and not record.complete:
        said.append(
            tr(
                "Still to be found: {missing} of {solutions}.",
                missing=len(record.unsolved),
                solutions=counted(len(record.slots), "solution"),
            )
        )
    st.caption(escaped(" ".join(said)))
