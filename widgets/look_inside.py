"""A link from a solution to the page that looks inside its pass."""

import streamlit as st


def link(solution_id: str, label: str = "Look inside") -> None:
    """Show a small link to the page Inside for one solution."""
    st.link_button(label, f"./inside?solution={solution_id}", icon=":material/search_insights:")
