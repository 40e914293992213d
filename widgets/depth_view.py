"""Distances of a set by depth, on the pages Distances and Maps."""

import streamlit as st

from explorer.base.language import retold, tr
from explorer.figures import depth as charts
from explorer.geometry import depth
from explorer.geometry.depth import PLACE_NAMES, Place
from explorer.inside.header import roles_of
from explorer.solutions.sets import SolutionSet
from explorer.specs.jobs import DepthSpec
from widgets import cached, jobs, map_set_up
from widgets import charts as chart_widget
from widgets.choice import one_of
from widgets.markdown import escaped

_read = cached.Newest(depth.REPORTS.read, 16)


def show(found: SolutionSet) -> None:
    """Show how the kinds of pairs come apart by layer, or offer to measure it."""
    st.subheader(tr("By layer"), anchor=False)
    st.caption(
        tr(
            "The paper compares e and m themselves. Here the same pairs are compared by what the "
            "model makes of them: its hidden states after each layer. The paper says nothing about "
            "these."
        )
    )
    effects(found)
    first = found.solutions[0]
    has_m = "m" in roles_of(first.record.arrangement, first.length)
    link = map_set_up.link(found.record.id, "m" if has_m else "e")
    st.link_button(tr("See them move through the layers"), link, icon=":material/scatter_plot:")


def effects(found: SolutionSet, place: Place | None = None) -> None:
    """Show the chart of effect sizes of hidden states at a place, or let it be chosen."""
    read = (_read(file) for file in depth.REPORTS.files(found.record))
    made = next((each for each in read if each is not None), None)
    if made is None:
        jobs.offer(DepthSpec(set=found.record.id), tr("Measure by layer"), "measure-depth")
        return
    for note in made.notes:
        st.info(escaped(retold(note)), icon=":material/info:")
    asked = tr("Hidden states")
    names = {there: PLACE_NAMES[there] for there in made.places}
    usual: Place = "m" if "m" in names else "e"
    at = one_of(asked, names, usual, key="depth-place") if place is None else place
    chart_widget.show(cached.once(charts.by_layer, made, at), f"depth-{made.set}")
    st.write(escaped(made.sentence))
