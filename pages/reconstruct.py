"""Train two vectors on a text and watch a frozen model output it in one forward pass."""

import streamlit as st

from explorer.base.language import tr
from explorer.solutions import store
from widgets import linked, reconstruct_form, recorded, run_view, start
from widgets.guard import sentences
from widgets.how_it_works import INTRODUCTION


def result() -> None:
    """Show what the link names: a job, a solution, or else a run that ships with the project."""
    linked.show(
        run_view.RUNS,
        {"solution": store.find_pair},
        store.shipped_runs(),
        button=tr("Start"),
        empty=tr("Choose a text and press Start."),
        choose=recorded.choose,
    )


start.page(tr("Two vectors, one forward pass"))
left, right = start.sides()
with left, sentences():
    reconstruct_form.show()
with right:
    st.markdown(tr(INTRODUCTION))
    with sentences():
        result()
