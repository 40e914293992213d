"""A link from a solution to the page that looks inside its pass."""

import re

import streamlit as st

from explorer.base.language import later, tr

KNOWN = re.compile(r"[\w.-]{1,100}")
"""What an id can be; a file of somebody else may name anything, and gets no link."""


def link(solution_id: str, label: str = later("Look inside")) -> None:
    """Show a small link to the page Inside for one solution."""
    if KNOWN.fullmatch(solution_id):
        address = f"./inside?solution={solution_id}"
        st.link_button(tr(label), address, icon=":material/search_insights:")
