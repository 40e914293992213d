"""The paper's numbers beside ours: every published table, what was run here, and what was not."""

import streamlit as st

from explorer.experiments import paper, paper_comparison
from widgets import evidence, fill_column, paper_view, start
from widgets.guard import sentences

start.through_entry()
st.title("The paper, and what runs here show", anchor=False)
st.write(
    "Published numbers are v1's of arXiv 2505.21189. A cell that was never run here is empty; "
    "run an experiment and its numbers appear beside the paper's."
)
with sentences():
    everything = paper_view.known()
    numbers, findings, fill, limits = st.tabs(
        ["Numbers", "Findings", "Fill a column", "Limits and inconsistencies"]
    )
    with numbers:
        paper_view.tables(everything)
    with findings:
        said = [*paper_comparison.of_runs(everything), *evidence.of_sets(), *evidence.of_paths()]
        paper_view.answers(said)
        st.subheader("More of the paper's statements", anchor=False)
        paper_view.answers(said, paper.MEASURED)
        paper_view.open_questions(said)
    with fill:
        fill_column.show(everything)
    with limits:
        for statement in (*paper.INCONSISTENCIES, *paper.LIMITS):
            st.markdown(f"**{statement.id}** {statement.sentence}")
