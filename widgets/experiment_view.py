"""An experiment's page: set-up on the left; a run, live or finished, on the right."""

import contextlib
from functools import partial
from pathlib import Path

import streamlit as st

from explorer.base.errors import CorruptFileError
from explorer.base.folders import recorded
from explorer.base.formatting import counted
from explorer.base.language import later, tr
from explorer.estimates import run_time
from explorer.experiments import exports, over_training, runs
from explorer.experiments.catalogue import experiment
from explorer.experiments.definition import Experiment
from explorer.experiments.nodes import read_nodes
from explorer.experiments.runs import Run
from explorer.figures.experiments import charts
from explorer.figures.experiments.over_training import charts as over_training_charts
from explorer.jobs.client import Job
from explorer.specs.experiments import Name
from explorer.specs.jobs import ExperimentSpec
from widgets import cached, download, experiment_set_up, findings, start, words
from widgets import charts as chart_widget
from widgets.cached import Newest
from widgets.copy_link import copy_link
from widgets.following import follow
from widgets.guard import sentences
from widgets.linked import Kind
from widgets.markdown import escaped


def page(name: Name) -> None:
    """Show the page of an experiment."""
    asked = experiment(name)
    start.page(tr(asked.title))
    left, right = start.sides()
    with left, sentences():
        st.write(tr(asked.question))
        st.caption(tr("In the paper's checklist: {ids}", ids=", ".join(asked.checklist)))
        findings.rules(asked.rules)
        experiment_set_up.choose(asked)
    with right, sentences():
        _result(asked)


def _result(asked: Experiment) -> None:
    """Show what the link names, or else work in progress, or else a run that is there."""
    if _kind(asked).show_job():
        return
    folders = {folder.name: folder for folder in runs.run_folders(asked.name)}
    if not folders:
        st.info(tr("This experiment has not been run on this machine yet. Press Start."))
        return
    wanted = st.query_params.get("run", "")
    names = list(folders)
    first = next((k for k, name in enumerate(names) if wanted and name.startswith(wanted)), None)
    if first is None:
        if wanted:
            st.info(tr("The run that the link names is not on this machine. This is another one."))
        first = next(
            (k for k, name in enumerate(names) if folders[name].is_relative_to(recorded())), 0
        )
    chosen = names[first]
    if len(names) > 1:
        chosen = st.selectbox(
            tr("Run"),
            names,
            first,
            format_func=lambda n: _label(folders[n]),
            key=f"run-{asked.name}",
        )
    found = read(folders[chosen])
    if found.ships:
        st.badge(tr("recorded"), icon=":material/history:", color="gray")
    show(asked, found)


def _label(folder: Path) -> str:
    try:
        return label(read(folder))
    except CorruptFileError:
        return tr("{run}: cannot be read", run=folder.name)


def label(found: Run) -> str:
    """Return what a run is called in a list."""
    header = found.header
    model = header.settings.model.rpartition("/")[2]
    state = tr("recorded") if found.ships else header.created[:16].replace("T", " ")
    size = experiment(found.settings.experiment).size_in_words(found)
    return f"{model}, {size}, {state} ({header.id[:6]})"


read = Newest(runs.load, 64, lambda folder: [folder / runs.HEADER_FILE, folder / runs.CELLS_FILE])
"""A run by its folder, read once for each version of its files; CorruptFileError if it cannot."""


def _kind(asked: Experiment) -> Kind:
    return Kind(
        lambda spec: isinstance(spec, ExperimentSpec) and spec.settings.experiment == asked.name,
        lambda job_id: follow(job_id, f"?job={job_id}", results=_so_far),
        _made,
        lambda folder, _key, _query: show(asked, read(folder)),
        later("This was stopped before it began."),
    )


def _made(_job_id: str, job: Job | None) -> Path | None:
    if job is None or "run" not in job.result:
        return None
    if job.state == "stopped":
        st.info(tr("Stopped. Press Start to go on from here, even in the middle of a cell."))
    return runs.find(str(job.result["run"]))


def _so_far(job: Job) -> None:
    """Show the charts of a run under way as cells are finished."""
    if "run" in job.result:
        for chart in cached.once(charts, read(runs.find(str(job.result["run"])))):
            chart_widget.show(chart, job.id, extras=False)


def show(asked: Experiment, run: Run) -> None:
    """Show a run: protocol, findings, charts, tables, downloads."""
    st.caption(escaped(asked.sentence(run)))
    _at_work(asked, run)
    if not run.done:
        st.info(tr("No cell of this run has been measured yet. Press Start to go on."))
        return
    for note in cached.once(asked.notes, run):
        st.warning(escaped(note), icon=":material/info:")
    key = f"{asked.name}-{run.header.id}"
    drawn = cached.once(charts, run)
    for chart in drawn[:1]:
        chart_widget.show(chart, key)
    findings.show(cached.once(asked.findings, run))
    for chart in drawn[1:]:
        chart_widget.show(chart, key)
    _over_training(asked, run)
    tables = {title: t for title, t in cached.once(asked.tables, run).items() if not t.empty}
    if tables:
        st.subheader(tr("Tables"), anchor=False)
        tabs = st.tabs([tr(title) for title in tables])
        for tab, (title, table) in zip(tabs, tables.items(), strict=True):
            tab.dataframe(
                words.table(table),
                hide_index=True,
                key=f"{key}-{title}",
                alt=tr(title),
            )
    _downloads(asked, run, key)


def _over_training(asked: Experiment, run: Run) -> None:
    """Show a run of capacity beside those on other checkpoints of its model, if there are any."""
    if asked.name != "capacity" or over_training.checkpoint(run.settings.model) is None:
        return
    others = []
    for folder in runs.run_folders(asked.name):
        with contextlib.suppress(CorruptFileError):  # the list of runs says so
            others.append(read(folder))
    row = over_training.together(run, others)
    if not (drawn := over_training_charts(row)):
        return
    st.subheader(tr("Over the model's training"), anchor=False)
    for note in over_training.notes(row):
        st.warning(escaped(note), icon=":material/info:")
    for chart in drawn:
        chart_widget.show(chart, f"over-{run.header.id}")


def _at_work(asked: Experiment, run: Run) -> None:
    """Show which machines a command spreads the run over now, and how far each is."""
    said = read_nodes(run.header.id)
    if said is None:
        return
    under_way = {node.part: node.fraction for node in said.nodes if node.part}
    left = run_time.left(asked, run, max(1, len(under_way)))
    st.progress(
        run_time.fraction(asked, run, under_way),
        tr(
            "This run is being measured by a command. Processes: {processes}, finished: {cells}"
            "{left}.",
            processes=len(said.nodes),
            cells=counted(len(run.done), "cell"),
            left=tr(", about {time} left", time=left) if left else "",
        ),
    )
    st.dataframe(
        [
            {
                tr("Machine"): node.name,
                tr("Device"): node.device,
                tr("Number format"): node.searched_in,
                tr("Measures"): node.title,
                tr("Done (%)"): round(100 * node.fraction),
                tr("Cells finished"): node.finished,
            }
            for node in said.nodes
        ],
        hide_index=True,
        key=f"nodes-{run.header.id}",
        alt=tr("Table of the machines that measure this run"),
    )
    for why in said.refused:
        st.warning(escaped(why), icon=":material/info:")
    st.button(tr("Refresh"), key=f"look-{run.header.id}", icon=":material/refresh:")


def _downloads(asked: Experiment, run: Run, key: str) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for label, suffix, make in (
            (tr("Measurements"), "csv", exports.csv),
            (tr("Measurements"), "parquet", exports.parquet),
            (tr("Everything"), "zip", partial(exports.archive, asked)),
        ):
            name = f"{asked.name}-{run.header.id[:6]}.{suffix}"
            made = partial(make, run)
            download.button(f"{label} ({suffix})", made, name, f"download-{key}-{suffix}")
        copy_link(f"link-{key}", f"?run={run.header.id}")
