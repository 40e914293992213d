"""The paper's numbers beside ours: every published table, what was run here, and what was not."""

import streamlit as st

from explorer.base.language import tr
from explorer.experiments import paper, paper_comparison
from widgets import fill_column, findings, paper_view, start
from widgets.guard import sentences

start.page(tr("What the paper reports, and what runs here show"))
st.write(
    tr(
        "The published numbers are those of version 1 of arXiv 2505.21189. What has not been run "
        "here is empty: run an experiment, and its numbers appear beside the paper's."
    )
)
with sentences():
    everything = paper_view.known()
    numbers, answers, fill, limits = st.tabs(
        [
            tr("Numbers"),
            tr("Findings"),
            tr("Run for other models"),
            tr("Limits and inconsistencies"),
        ]
    )
    with numbers:
        paper_view.tables(everything)
    with answers:
        said = [*paper_comparison.of_runs(everything), *findings.of_sets(), *findings.of_paths()]
        paper_view.answers(said)
        st.subheader(tr("Other statements of the paper"), anchor=False)
        paper_view.answers(said, paper.MEASURED)
        paper_view.open_questions(said)
    with fill:
        fill_column.show(everything)
    with limits:
        for statement in (*paper.INCONSISTENCIES, *paper.LIMITS):
            st.markdown(f"**{statement.id}** {tr(statement.sentence)}")
