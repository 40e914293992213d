"""A link from a solution to the page that looks inside its pass."""

import re

import streamlit as st

KNOWN = re.compile(r"[\w.-]{1,100}")
"""What an id can be; a file of somebody else may name anything, and gets no link."""


def link(solution_id: str, label: str = "Look inside") -> None:
    """Show a small link to the page Inside for one solution."""
    if KNOWN.fullmatch(solution_id):
        st.link_button(label, f"./inside?solution={solution_id}", icon=":material/search_insights:")
