"""Distances of a set by depth, on the page Distances."""

import streamlit as st

from explorer.figures import depth as charts
from explorer.geometry import depth
from explorer.geometry.depth import PLACE_NAMES
from explorer.solutions.sets import SolutionSet
from explorer.specs.jobs import DepthSpec
from widgets import cached, jobs
from widgets import charts as chart_widget
from widgets.markdown import escaped

_read = cached.Newest(depth.REPORTS.read, 16)


def show(found: SolutionSet) -> None:
    """Show how the kinds of pairs come apart by layer, or offer to measure it."""
    st.subheader("By layer", anchor=False)
    st.caption("e and m are the paper's space. Here the same pairs are compared by what the model "
               "makes of them: the hidden states after each layer. The paper claims nothing of "
               "it.")  # fmt: skip
    read = (_read(file) for file in depth.REPORTS.files(found.record))
    made = next((each for each in read if each is not None), None)
    if made is None:
        jobs.offer(DepthSpec(set=found.record.id), "Measure by layer", "measure-depth")
        return
    for note in made.notes:
        st.info(escaped(note), icon=":material/info:")
    place = st.segmented_control(
        "Hidden states", list(PLACE_NAMES), default="m", required=True, key="depth-place",
        format_func=PLACE_NAMES.__getitem__,
    )  # fmt: skip
    chart_widget.show(cached.once(charts.by_layer, made, place or "m"), f"depth-{made.set}")
    st.write(escaped(made.sentence))
    chart_widget.show(cached.once(charts.moving, made, place or "m"), f"depth-{made.set}")
    st.caption("PCA of each layer, turned to lie nearest to the layer before, its size divided "
               "out. Lines join the solutions of one text.")  # fmt: skip
