"""What lets the browser translate the pages: tokens stay as they are, and the page goes on."""

import streamlit as st

from widgets import sources


def prepare() -> None:
    """Get the page ready for a translation by the browser."""
    component = st.components.v2.component("translation", js=sources.script("translation.js"))
    component(key="translation")
