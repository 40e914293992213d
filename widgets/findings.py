"""What the paper found, and whether what is on this page shows it: said plainly either way."""

from typing import Literal

import streamlit as st

from explorer.base.language import tr
from explorer.experiments.paper_comparison import ANSWERS
from explorer.experiments.rules import Rule
from explorer.experiments.verdicts import Finding
from widgets.markdown import escaped

MARKS: dict[bool | None, tuple[str, Literal["green", "orange", "gray"]]] = {
    True: (":material/check_circle:", "green"),
    False: (":material/cancel:", "orange"),
    None: (":material/help:", "gray"),
}


def show(found: list[Finding]) -> None:
    """Show findings with their figures; the rule of each verdict stands in its tooltip.

    Args:
        found: what to show; nothing is shown for none.
    """
    if not found:
        return
    st.subheader(tr("What the paper found, and what is shown here"), anchor=False)
    for finding in found:
        icon, color = MARKS[finding.shown]
        verdict = f"{finding.id}: {tr(ANSWERS[finding.shown])}"
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge(verdict, icon=icon, color=color, help=escaped(finding.rule) or None)
        st.write(escaped(f"{tr(finding.claim)} {finding.figure}"))
        if finding.reason:
            st.caption(escaped(tr("Why it may differ: {reason}", reason=finding.reason)))


def rules(of: dict[str, Rule]) -> None:
    """Show what counts as shown, before anything is measured; nothing for no rules."""
    if not of:
        return
    with st.expander(tr("What counts as shown")):
        for name, rule in of.items():
            st.markdown(f"**{name}** {escaped(rule.question)}")
        for said in dict.fromkeys(rule.answers for rule in of.values()):
            st.write(escaped(said))
