"""What the paper found, and whether what is on this page shows it: said plainly either way."""

from typing import Literal

import streamlit as st

from explorer.experiments.definition import Finding
from widgets.markdown import escaped

MARKS: dict[bool | None, tuple[str, str, Literal["green", "orange", "gray"]]] = {
    True: ("shown here", ":material/check_circle:", "green"),
    False: ("not shown here", ":material/cancel:", "orange"),
    None: ("cannot be told from this {what}", ":material/help:", "gray"),
}


def show(found: list[Finding], what: str) -> None:
    """Show findings with their figures.

    Args:
        found: what to show; nothing is shown for none.
        what: they were found with: run, set, or the like.
    """
    if not found:
        return
    st.subheader(f"What the paper found, and what this {what} shows", anchor=False)
    for finding in found:
        words, icon, color = MARKS[finding.shown]
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge(f"{finding.id}: {words.format(what=what)}", icon=icon, color=color)
        st.write(escaped(f"{finding.claim} {finding.figure}"))
