"""The trash: what waits in it, how large it is, taking things back, emptying it."""

from textwrap import shorten

import pandas as pd
import streamlit as st

from explorer.base.formatting import human_bytes
from explorer.base.language import tr
from explorer.library import trash
from widgets import server
from widgets.library.actions import counted


def show() -> None:
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
                        size=human_bytes(deletion.bytes),
                        time=format(made, r"%Y-%m-%d, %H\:%M"),
                    )
                )
            if st.button(tr("Put back"), icon=":material/undo:", key=f"undo-{deletion.id}"):
                server.undo(deletion)
                st.rerun()
    if not server.person().is_host:
        return
    with st.popover(tr("Empty the trash"), icon=":material/delete_forever:", key="empty-ask"):
        st.write(tr("{size} will be gone for good.", size=human_bytes(trash.size())))
        if st.button(tr("Yes, empty it"), type="primary", key="empty"):
            server.empty_trash()
            st.rerun()
