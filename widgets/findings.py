"""What the paper found, and whether what is on this page shows it: said plainly either way."""

from typing import Literal

import streamlit as st

from explorer.experiments.paper_comparison import ANSWERS
from explorer.experiments.rules import Rule
from explorer.experiments.verdicts import Finding
from widgets.markdown import escaped

MARKS: dict[bool | None, tuple[str, Literal["green", "orange", "gray"]]] = {
    True: (":material/check_circle:", "green"),
    False: (":material/cancel:", "orange"),
    None: (":material/help:", "gray"),
}


def show(found: list[Finding], what: str) -> None:
    """Show findings with their figures; the rule of each verdict stands in its tooltip.

    Args:
        found: what to show; nothing is shown for none.
        what: they were found with: run, set, or the like.
    """
    if not found:
        return
    st.subheader(f"What the paper found, and what this {what} shows", anchor=False)
    for finding in found:
        icon, color = MARKS[finding.shown]
        verdict = f"{finding.id}: {ANSWERS[finding.shown]}"
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge(verdict, icon=icon, color=color, help=escaped(finding.rule) or None)
        st.write(escaped(f"{finding.claim} {finding.figure}"))
        if finding.reason:
            st.caption(escaped(f"Why it may differ: {finding.reason}"))


def rules(of: dict[str, Rule]) -> None:
    """Show what counts as shown, before anything is measured; nothing for no rules."""
    if not of:
        return
    with st.expander("What counts as shown"):
        for name, rule in of.items():
            st.markdown(f"**{name}** {escaped(rule.question)}")
        for said in dict.fromkeys(rule.answers for rule in of.values()):
            st.write(escaped(said))
