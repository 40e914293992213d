"""What lies around solutions: the plane of a path, and random directions from one solution."""

import streamlit as st

from explorer.base.language import tr
from explorer.landscape.result import LANDSCAPES
from widgets import landscape_set_up, landscape_view, linked, start
from widgets.guard import sentences


def result() -> None:
    """Show what the link names, or else a landscape that ships with the project."""
    if landscape_view.RADII.show_job():
        return
    linked.show(
        landscape_view.PLANES,
        {},
        LANDSCAPES.shipped(),
        button=tr("Measure the plane"),
        empty=tr("Choose a pair and press “Measure the plane”."),
    )


start.page(tr("The landscape around solutions"))
with sentences():
    landscape_set_up.plane()
with sentences():
    result()
with st.expander(tr("Walk away from one solution"), icon=":material/radar:"), sentences():
    landscape_set_up.around()
