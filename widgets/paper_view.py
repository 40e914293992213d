"""The paper's tables on the page, ours beside them where there is a run."""

from collections.abc import Sequence

import streamlit as st

from explorer.base.language import later, tr
from explorer.estimates import deciding
from explorer.experiments import paper, paper_comparison, runs, training_time
from explorer.experiments.catalogue import EXPERIMENTS
from explorer.experiments.paper import Statement
from explorer.experiments.paper_comparison import Evidence
from explorer.experiments.rules import RULES
from explorer.experiments.runs import Run
from explorer.figures import paper_table
from explorer.specs.experiments import Name
from widgets import charts, experiment_view, words
from widgets.choice import one_of
from widgets.guard import unreadable
from widgets.markdown import escaped


def known() -> list[Run]:
    """Return every run that can be read and has a finished cell; say which cannot."""
    found = []
    for folder in runs.run_folders():
        with unreadable():
            found.append(experiment_view.read(folder))
    return [run for run in found if run.done and run.settings.experiment in EXPERIMENTS]


def answers(said: list[Evidence], statements: Sequence[Statement] = paper.FINDINGS) -> None:
    """Show a table of what the paper says, what it rests on, and what is shown here."""
    found = paper_comparison.answers(said, statements)
    columns = {
        "id": tr("id"),
        "paper": tr("the paper says"),
        "rests on": tr("based on"),
        "here": tr("here"),
        "figure": tr("our evidence"),
        "differs": tr("why it may differ"),
        "from": tr("from"),
    }
    found["from"] = (found["model"] + ", " + found["from"]).where(found["from"] != "", "")
    if not found["differs"].any():
        del columns["differs"]
    for column in ("paper", "rests on", "here", "differs"):
        found[column] = found[column].map(tr)
    st.table(found[[*columns]].map(escaped).rename(columns=columns), hide_index=True)


def open_questions(said: list[Evidence]) -> None:
    """Show for every finding that is inconclusive what would decide it, as a command."""
    st.subheader(tr("What would settle the inconclusive findings"), anchor=False)
    decided = {each.finding.id for each in said if each.finding.shown is not None}
    order = list(RULES)
    for each in sorted(said, key=lambda e: (*order, e.finding.id).index(e.finding.id)):
        name = each.finding.id
        command, takes = deciding.deciding(each.finding, each.model)
        if command and name not in decided:
            decided.add(name)
            st.markdown(f"**{name}** {escaped(takes)}")
            st.code(command, language="sh", wrap_lines=True)


def tables(found: list[Run]) -> None:
    """Show tables 1 to 3 and the numbers outside the tables."""
    st.subheader(tr("Table 1: arrangements"), anchor=False)
    st.caption(tr("Paper: Llama 3.2 1B, the same 50 texts from PG-19 for every arrangement (E1)."))
    ours = _pick(found, "arrangements", compare=True)
    charts.show(paper_table.arrangement_comparison(paper_comparison.table1(ours)), "paper")
    st.subheader(tr("Table 2: texts that share e or m"), anchor=False)
    st.caption(
        tr(
            "Paper: 256 texts of 256 tokens from PG-19, ten restarts (E2). Best restart: the best "
            "of each text, mean ± standard deviation over texts. All restarts: mean ± standard "
            "deviation over texts and restarts."
        )
    )
    ours = _pick(found, "sharing", compare=True)
    st.dataframe(
        paper_comparison.table2(ours).rename(columns=tr),
        hide_index=True,
        key="paper-table2",
        alt=tr("Table 2 of the paper, ours beside it"),
    )
    _table3(found)
    st.subheader(tr("Throughput"), anchor=False)
    st.caption(tr("Paper: on its own GPUs, A100 or H100 (E5, H4)."))
    speed = paper_comparison.speed(_pick(found, "throughput"))
    st.dataframe(
        speed.assign(what=speed["what"].map(tr)).rename(columns=tr),
        hide_index=True,
        key="paper-speed",
        alt=tr("Throughput, the paper's and ours"),
    )
    st.subheader(tr("Training time"), anchor=False)
    st.caption(
        tr("Paper (v2): roughly linear in N (E11). Its numbers could not be read from our copy.")
    )
    ours = _pick(found, "training-time")
    if ours is not None:
        st.dataframe(
            words.table(training_time.summary(ours)),
            hide_index=True,
            key="paper-time",
            alt=tr("Median steps and seconds until a text is exact, by N"),
        )
        st.caption(escaped(training_time.growth(ours)))


def _table3(found: list[Run]) -> None:
    st.subheader(tr("Table 3: capacity"), anchor=False)
    st.caption(tr("Paper: six models, texts from four sources, up to 5,000 steps (E3)."))
    for run in found:
        if run.settings.experiment in paper_comparison.TABLE3:
            _protocol(run, compare=True)
    shared = one_of("m", [later("not shared"), later("shared")], key="paper-m")
    ours = paper_comparison.table3(found)
    for value in ("c_tokens", "h_lm"):
        chart = paper_table.capacity_comparison(value, m_shared=shared == "shared", ours=ours)
        charts.show(chart, "paper")


def _pick(found: list[Run], name: Name, *, compare: bool = False) -> Run | None:
    """Let a person choose among the runs of an experiment; say how the chosen one was made."""
    labels = {
        run.header.id: experiment_view.label(run)
        for run in found
        if run.settings.experiment == name
    }
    if not labels:
        return None
    picked = st.selectbox(
        tr("Our run"), list(labels), format_func=labels.__getitem__, key=f"ours-{name}"
    )
    run = next(run for run in found if run.header.id == picked)
    _protocol(run, compare=compare)
    return run


def _protocol(run: Run, *, compare: bool) -> None:
    sentence = EXPERIMENTS[run.settings.experiment].sentence(run)
    st.caption(escaped(tr("Here: {sentence}", sentence=sentence)))
    if compare:
        st.caption(escaped(paper_comparison.differences(run)))
