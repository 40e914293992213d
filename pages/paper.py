"""The paper's numbers beside ours: every published table, what was run here, and what was not."""

import streamlit as st

from explorer.errors import CorruptFileError
from explorer.experiments import beside, paper, runs
from explorer.experiments.catalogue import EXPERIMENTS
from explorer.experiments.runs import Run
from explorer.figures import paper_table
from widgets import charts, evidence, experiment_view, start
from widgets.guard import sentences


def known() -> list[Run]:
    """Every run on this machine that can be read and has a finished cell; say which cannot."""
    found = []
    for folder in runs.run_folders():
        try:
            found.append(experiment_view.read(folder))
        except CorruptFileError as error:
            st.warning(str(error), icon=":material/broken_image:")
    return [run for run in found if run.done]


def tables(found: list[Run]) -> None:
    """Tables 1 to 3, ours beside them where there is a run."""
    of_arrangements = [run for run in found if run.settings.experiment == "arrangements"]
    ours = None
    if of_arrangements:
        labels = {run.header.id: experiment_view.label(run) for run in of_arrangements}
        picked = st.selectbox("Our run", list(labels), format_func=labels.__getitem__, key="ours")
        ours = next(run for run in of_arrangements if run.header.id == picked)
        st.caption("Here: " + EXPERIMENTS["arrangements"].sentence(ours))
    st.caption("Paper: Llama 3.2 1B, the same 50 texts of PG-19 for every arrangement (E1).")
    charts.show(paper_table.arrangements_beside(beside.table1(ours)), "paper")
    shared = st.segmented_control(
        "m", ["not shared", "shared"], default="not shared", required=True, key="paper-m"
    )
    for value in ("c_tokens", "h_lm"):
        chart = paper_table.capacity_beside(value, m_shared=shared == "shared")
        charts.show(chart, "paper")
    st.subheader("Table 2: texts that share e or m", anchor=False)
    st.caption("Paper: 256 texts of 256 tokens from PG-19, ten restarts (E2).")
    st.dataframe(paper.table2(), hide_index=True, key="paper-table2", alt="Table 2 of the paper")


start.through_entry()
st.title("The paper, and what runs here show", anchor=False)
st.write(
    "Published numbers are v1's of arXiv 2505.21189. A cell that was never run here is empty; "
    "run an experiment and its numbers appear beside the paper's."
)
with sentences():
    everything = known()
    first, second, third = st.tabs(["Numbers", "Findings", "Limits and inconsistencies"])
    with first:
        tables(everything)
    with second:
        said = [*beside.of_runs(everything), *evidence.of_sets(), *evidence.of_paths()]
        st.table(beside.answers(said), hide_index=True)
    with third:
        for statement in (*paper.inconsistencies(), *paper.limits()):
            st.markdown(f"**{statement.id}** {statement.sentence}")
