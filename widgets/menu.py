"""The corner of every page: the tour's stops, the glossary, and the view for a projector."""

import streamlit as st

from explorer.base.language import tr
from widgets import language, projector, sources, tour


def show() -> None:
    """Show the menu; make navigation and charts do on a phone what a finger means by them."""
    component = sources.component("menu", "menu.js")
    with st.container(key="narrow"):
        component(key="narrow-menu", data={})
    with (
        st.container(key="menu"),
        st.popover(tr("Help"), icon=":material/help:", type="tertiary", key="help"),
    ):
        st.markdown(tr("**Tour**, five minutes"))
        for number, stop in enumerate(tour.STOPS, 1):
            tour.link(f"{number}. " + tr(stop.title), number, ":material/tour:")
        st.page_link("pages/glossary.py", label=tr("Glossary"), icon=":material/dictionary:")
        st.button(
            tr("Projector view"),
            icon=":material/cast:",
            key="projector",
            on_click=projector.enter,
            help=tr("Large type, no controls. {keys}", keys=tr(projector.KEYS)),
        )
        language.choose()
