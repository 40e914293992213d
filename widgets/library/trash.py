"""The trash: what waits in it, how large it is, taking things back, emptying it."""

from textwrap import shorten

import pandas as pd
import streamlit as st

from explorer.base.formatting import human_bytes
from explorer.library import trash
from widgets import server
from widgets.library.actions import counted


def show() -> None:
    """Show every deletion, newest first, with a way back, and a button that empties the trash."""
    found = trash.deletions()
    if not found:
        st.info("The trash is empty.", icon=":material/delete:")
        return
    for deletion in found:
        with st.container(horizontal=True, vertical_alignment="center", border=True):
            made = pd.Timestamp(deletion.deleted, unit="s", tz="UTC")
            more = len(deletion.ids) - len(deletion.titles)
            names = " · ".join(shorten(title, 60, placeholder=" …") for title in deletion.titles)
            with st.container():
                st.text(f"{names}{f' · and {more:,} more' if more > 0 else ''}")
                st.caption(
                    f"{counted(deletion.kind, len(deletion.ids))}, {human_bytes(deletion.bytes)}, "
                    f"deleted {made:%d %b %Y, %H\\:%M} UTC"
                )
            if st.button("Put back", icon=":material/undo:", key=f"undo-{deletion.id}"):
                server.undo(deletion)
                st.rerun()
    if not server.person().is_host:
        return
    with st.popover("Empty the trash", icon=":material/delete_forever:", key="empty-ask"):
        st.write(f"{human_bytes(trash.size())} will be gone for good.")
        if st.button("Yes, empty it", type="primary", key="empty"):
            server.empty_trash()
            st.rerun()
