"""The corner of every page: the tour's stops, the glossary, and the view for a projector."""

import streamlit as st

from widgets import language, projector, tour


def show() -> None:
    """Show the menu."""
    with (
        st.container(key="menu"),
        st.popover("Help", icon=":material/help:", type="tertiary", key="help"),
    ):
        st.markdown("**Tour**, five minutes")
        for number, stop in enumerate(tour.STOPS, 1):
            tour.link(f"{number}. {stop.title}", number, ":material/tour:")
        st.page_link("pages/glossary.py", label="Glossary", icon=":material/dictionary:")
        st.button(
            "Projector view",
            icon=":material/cast:",
            key="projector",
            on_click=projector.enter,
            help="Large type and no controls. " + projector.KEYS,
        )
        language.choose()
