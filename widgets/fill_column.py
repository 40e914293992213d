"""For every model, what it takes to fill its column: is it here, the command, and one button."""

import shlex

import streamlit as st

from explorer.assets import catalog
from explorer.assets.catalog import ModelCard
from explorer.base.formatting import counted
from explorer.base.language import tr
from explorer.estimates import run_time
from explorer.experiments import paper_comparison
from explorer.experiments.catalogue import EXPERIMENTS
from explorer.experiments.definition import PAPER, PRESETS, Experiment
from explorer.experiments.runs import Run
from explorer.jobs import client
from explorer.jobs.client import Job
from explorer.runtime import step_times
from explorer.specs.jobs import ExperimentSpec
from widgets import models, server, slow_start
from widgets.again import run_again
from widgets.choice import one_of
from widgets.markdown import escaped


def show(found: list[Run]) -> None:
    """Show a line for each of the paper's models and for one of a person's choice."""
    st.write(
        tr(
            "Start runs an experiment on the machine that serves this page; the command does the "
            "same in a shell, on any machine. Both go on where they were stopped. With `--ray`, a "
            "command shares the cells among all devices of its machine or of a cluster."
        )
    )
    names = list(EXPERIMENTS)
    of_table3 = next((k for k, name in enumerate(names) if name in paper_comparison.TABLE3), 0)
    left, right = st.columns(2)
    with left:
        name = st.selectbox(
            tr("Experiment"),
            names,
            of_table3,
            key="fill-experiment",
            format_func=lambda name: tr(EXPERIMENTS[name].title),
        )
        preset = one_of(tr("Size"), PRESETS, PAPER, key="fill-size")
    with right:
        picked = models.choose()
    cards = {card.name: card for card in catalog.paper_models()}
    if picked is not None:
        cards[picked.name] = picked
    waiting = client.jobs(open_only=True)
    for number, card in enumerate(cards.values()):
        _line(number, card, EXPERIMENTS[name], preset, found, waiting)


def _line(
    number: int,
    card: ModelCard,
    experiment: Experiment,
    preset: str,
    found: list[Run],
    waiting: list[Job],
) -> None:
    settings = experiment.preset(preset, card)
    spec = ExperimentSpec(settings=settings, preset=preset)
    job = next((job for job in waiting if job.spec == spec), None)
    with st.container(border=True, key=f"fill-{number}"):
        text, action = st.columns([5, 1], vertical_alignment="center")
        with text:
            st.markdown(f"**{escaped(card.title)}** · {escaped(models.describe(card))}")
            command = f"run {experiment.name} --model {shlex.quote(card.name)} --preset {preset}"
            st.code(f"python -m explorer {command}", language="sh", wrap_lines=True)
            st.caption(escaped(_state(experiment, spec, card, found)))
        with action:
            _button(number, card, experiment, spec, job)


def _button(
    number: int, card: ModelCard, experiment: Experiment, spec: ExperimentSpec, job: Job | None
) -> None:
    if job is not None:
        address = f"./{experiment.name.replace('-', '_')}?job={job.id}"
        st.link_button(tr("Follow"), address, icon=":material/pending:")
        return
    missing = tr("This model is not downloaded yet; the command downloads it first.")
    expected = None
    if card.folder is not None:
        seconds = step_times.find(card.name, run_time.step(spec.settings)[-1].precision)
        expected = run_time.expected(experiment, spec.settings, card.parameters, seconds)
    if slow_start.button(
        expected,
        f"fill-start-{number}",
        quicker=tr("A smaller size is quicker."),
        help=missing if expected is None else None,
    ):
        server.submit(spec)
        run_again()


def _state(experiment: Experiment, spec: ExperimentSpec, card: ModelCard, found: list[Run]) -> str:
    """Say what is measured of this size, or how long it takes.

    A run names the arrangement that suits its model; a preset leaves it open.
    """
    settings = spec.settings
    asked = (experiment.name, settings.model)
    alike = [run for run in found if (run.settings.experiment, run.settings.model) == asked]
    run = next((run for run in alike if experiment.size(run) == spec.preset), None)
    if run is not None:
        done, left = counted(len(run.done), "cell"), len(experiment.left(run))
        if left:
            return tr("Measured here: {done}, {left} left.", done=done, left=left)
        return tr("Measured here.")
    if card.folder is None:
        return tr(
            "Not downloaded yet, so it cannot be started here. Download it with: {command}",
            command="python -m explorer assets --model " + shlex.quote(card.name),
        )
    seconds = step_times.find(card.name, run_time.step(settings)[-1].precision)
    return run_time.before(experiment, settings, card.parameters, seconds)
