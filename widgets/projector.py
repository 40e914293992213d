"""The view for a projector (`?view=projector`): large type, no controls, high contrast, keys."""

from collections.abc import Sequence
from pathlib import Path

import plotly.graph_objects as go
import streamlit as st
from streamlit.navigation.page import StreamlitPage

from explorer.base.language import later, tr
from widgets import sources, tour
from widgets.again import run_again

PARAMETER, NAME = "view", "projector"
KEYS = later(
    "Space: play or pause · ← →: one step · S: Start · Page Down, Page Up: next page, previous "
    "page · Esc: leave this view"
)
FONT, LARGER = 20, 1.35
"""Pixels of the words in a chart, and how much higher it becomes to have room for them."""


def on() -> bool:
    """Return whether this page is shown on a projector."""
    return st.query_params.get(PARAMETER) == NAME


def enter() -> None:
    """Show the page in this view."""
    st.query_params[PARAMETER] = NAME


def show(page: StreamlitPage, pages: Sequence[StreamlitPage]) -> None:
    """Hide what is not to be seen, listen to the keys, and lay out the ways on and back.

    Args:
        page: the one that is open.
        pages: all of them, in the order of the navigation.
    """
    if not on():
        return
    st.html(Path(__file__).with_name("projector.css"))
    component = sources.component("projector", "projector.js")
    with st.container(key="projector-keys"):
        result = component(key="keys", data={}, on_leave_change=lambda: None)
        st.caption(tr(KEYS))
        for name, way in (("next", 1), ("previous", -1)):
            with st.container(key=f"page-{name}"):
                _way(page, pages, way)
    if result.get("leave"):
        del st.query_params[PARAMETER]
        run_again()


def _way(page: StreamlitPage, pages: Sequence[StreamlitPage], way: int) -> None:
    """Link to the page, or to the stop of the tour, that comes next or came before."""
    if (stop := tour.visited()) is not None:
        if 1 <= stop + way <= len(tour.STOPS):
            tour.link(f"{stop + way}", stop + way, ":material/tour:")
        return
    at = [each.url_path for each in pages].index(page.url_path) + way
    st.page_link(pages[at % len(pages)], query_params={PARAMETER: NAME})


def fitted(figure: go.Figure) -> go.Figure:
    """Return a figure with words that are read from afar, if this is a projector; else itself."""
    if not on():
        return figure
    height = figure.layout.height or 320
    theme = getattr(st.context, "theme", None)
    plain = "#ffffff" if getattr(theme, "type", None) == "dark" else "#000000"
    larger = {"size": FONT, "color": plain}
    axis = {"tickfont": larger, "title_font": larger}
    drawn = go.Figure(figure).update_xaxes(axis).update_yaxes(axis)
    return drawn.update_layout(
        font=larger,
        title_font=larger | {"size": round(FONT * LARGER)},
        legend_font=larger,
        height=round(height * LARGER),
    )
