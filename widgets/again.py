"""Running a page again without losing the click of somebody who is leaving it."""

from typing import NoReturn

import streamlit as st


def run_again() -> NoReturn:
    """Run the page again, or go where a link that was clicked meanwhile leads.

    `st.rerun` alone would take the visitor back: of two requests that wait, Streamlit keeps the
    address of the newer one. It looks for requests that wait when an element is drawn, and runs
    what it finds in place of this page.
    """
    st.empty()
    st.rerun()
