"""What can be done to the selected rows: export, delete, and take a deletion back; the trash."""

from collections.abc import Sequence
from functools import partial
from textwrap import shorten

import pandas as pd
import streamlit as st

from explorer.base import formatting
from explorer.base.language import later, tr
from explorer.library import exchange, trash
from explorer.library.items import Item, items
from explorer.library.labels import Kind
from explorer.people import owners
from widgets import download, server
from widgets.again import run_again

DELETED = "library_deleted"
WORDS: dict[Kind, tuple[str, str]] = {
    "solution": (later("solution file"), later("solution files")),
    "run": (later("run"), later("runs")),
    "set": (later("set"), later("sets")),
    "paths": (later("set of paths"), later("sets of paths")),
    "landscape": (later("landscape"), later("landscapes")),
    "experiment": (later("run of an experiment"), later("runs of experiments")),
    "analysis": (later("analysis"), later("analyses")),
    "asset": (later("model or text collection"), later("models and text collections")),
    "job": (later("job"), later("jobs")),
    "leftover": (later("leftover"), later("leftovers")),
}
QUESTIONS: dict[Kind, str] = {
    "asset": later(
        "Whoever uses it next has to wait until it is downloaded again. You can put it back until "
        "the trash is emptied."
    ),
}
"""What is asked before something of a kind is deleted."""


def show(kind: Kind, listed: Sequence[Item], selected: Sequence[Item]) -> None:
    """Say how many are selected, and offer what can be done to them."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if not selected:
            st.caption(
                tr(
                    "{entries}. Tick a row to see it, two to compare.",
                    entries=in_words(kind, listed),
                )
                if kind == "solution"
                else tr("{entries}. Tick a row to see it.", entries=in_words(kind, listed))
            )
            return
        st.caption(
            tr(
                "{some} of {entries} selected.",
                some=len(selected),
                entries=counted(kind, len(listed)),
            )
        )
        solutions = _solutions_of(kind, selected)
        divided = exchange.parts(solutions)
        for number, part in enumerate(divided, 1):
            of, named = "", ""
            if len(divided) > 1:
                of = tr(" {number} of {total}", number=number, total=len(divided))
                named = f"-{number}-of-{len(divided)}"
            download.button(
                tr("Export{part}", part=of),
                partial(exchange.export, part),
                f"proto-tokens{named}.zip",
                f"export{named}",
                tr("A zip: solution files, their recordings, and a CSV table."),
                "application/zip",
            )
        _delete(kind, selected)


def _delete(kind: Kind, selected: Sequence[Item]) -> None:
    """Offer to move what is selected into the trash; of some kinds after a question."""
    ships = any(item.ships for item in selected)
    if not ships and not all(owners.may(server.person(), item.owner) for item in selected):
        st.caption(tr("You can delete what is yours."))
        return
    label, icon = tr("Delete"), ":material/delete:"
    if kind not in QUESTIONS:
        why = (
            tr("What ships with the project cannot be deleted.")
            if ships
            else tr("Moves it to the trash.")
        )
        wanted = st.button(label, icon=icon, key="delete", disabled=ships, help=why)
    else:
        with st.popover(label, icon=icon, key="delete-ask"):
            st.write(tr(QUESTIONS[kind]))
            wanted = st.button(tr("Yes, delete"), type="primary", key="delete")
    if wanted:
        st.session_state[DELETED] = server.throw(selected).id
        run_again()


def undo_bar() -> None:
    """Offer to take the last deletion of this visit back."""
    gone = st.session_state.get(DELETED)
    deletion = next((d for d in trash.deletions() if d.id == gone), None) if gone else None
    if deletion is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        entries = counted(deletion.kind, len(deletion.ids))
        st.write(tr("In the trash: {entries}.", entries=entries))
        if st.button(tr("Undo"), icon=":material/undo:", key="undo"):
            server.undo(deletion)
            del st.session_state[DELETED]
            run_again()


def show_trash() -> None:
    """Show every deletion, newest first, with a way back, and a button that empties the trash."""
    found = trash.deletions()
    if not found:
        st.info(tr("The trash is empty."), icon=":material/delete:")
        return
    for deletion in found:
        with st.container(horizontal=True, vertical_alignment="center", border=True):
            made = pd.Timestamp(deletion.deleted, unit="s", tz="UTC")
            more = len(deletion.ids) - len(deletion.titles)
            names = " · ".join(shorten(title, 60, placeholder=" …") for title in deletion.titles)
            with st.container():
                st.text(
                    names + (tr(" · and {more} more", more=format(more, ",")) if more > 0 else "")
                )
                st.caption(
                    tr(
                        "{entries}, {size}, deleted {time} UTC",
                        entries=counted(deletion.kind, len(deletion.ids)),
                        size=formatting.human_bytes(deletion.bytes),
                        time=format(made, r"%Y-%m-%d, %H\:%M"),
                    )
                )
            if st.button(tr("Put back"), icon=":material/undo:", key=f"undo-{deletion.id}"):
                server.undo(deletion)
                run_again()
    if not server.person().is_host:
        return
    with st.popover(tr("Empty the trash"), icon=":material/delete_forever:", key="empty-ask"):
        st.write(tr("{size} will be gone for good.", size=formatting.human_bytes(trash.size())))
        if st.button(tr("Yes, empty it"), type="primary", key="empty"):
            server.empty_trash()
            run_again()


def counted(kind: Kind, count: int) -> str:
    """Return "1 solution file", "2,000 solution files"."""
    return formatting.counted(count, *WORDS[kind])


def in_words(kind: Kind, listed: Sequence[Item]) -> str:
    """Say how many there are; an attempt that is not exact is never counted as a solution."""
    if kind != "solution":
        return counted(kind, len(listed))
    exact = sum(item.record is not None and item.record.exact for item in listed)
    said = formatting.counted(exact, "exact solution")
    if attempts := sum(item.record is not None for item in listed) - exact:
        not_exact = formatting.counted(attempts, "attempt not exact", "attempts not exact")
        said += f", {not_exact}"
    if unread := sum(item.record is None for item in listed):
        unreadable = formatting.counted(
            unread, "file that cannot be read", "files that cannot be read"
        )
        said += f", {unreadable}"
    return said


def _solutions_of(kind: Kind, selected: Sequence[Item]) -> list[Item]:
    """Return the readable solutions that are selected, or belong to the selected runs."""
    if kind == "solution":
        return [item for item in selected if item.record is not None]
    if kind == "run":
        wanted = {item.path for item in selected}
        return [i for i in items("solution") if i.record and i.path and i.path.parent in wanted]
    return []
