"""Paths on the page: live while they are trained, a slider along t when they are there."""

from functools import partial
from pathlib import Path

import numpy as np
import streamlit as st

from explorer.base.formatting import counted, human_seconds
from explorer.experiments import space
from explorer.figures import paths as charts
from explorer.figures.walk import walk_data
from explorer.jobs import client
from explorer.jobs.client import Job
from explorer.paths import places
from explorer.paths.connection import BESIDE, connection
from explorer.paths.result import FILE, Paths
from explorer.specs.jobs import PathsSpec
from widgets import (
    cached,
    download,
    findings,
    look_inside,
    path_set_up,
    run_view,
    token_strip,
    words,
)
from widgets import charts as chart_widget
from widgets.copy_link import copy_link
from widgets.following import follow
from widgets.linked import Kind, in_folder
from widgets.markdown import escaped


def _live(job_id: str) -> None:
    """Show a job under way: its ends while they are trained, then the charts as they grow."""
    spec = client.get(job_id).spec
    assert isinstance(spec, PathsSpec)
    shown = run_view.restart_of(spec.train, job_id) if spec.train is not None else "best"
    follow(job_id, f"?job={job_id}", ("strip",), shown, _so_far)


def _so_far(job: Job) -> None:
    found = cached.paths.if_there(places.folder_of(job.id) / FILE)
    if found is None or not found.measured.any():
        assert isinstance(job.spec, PathsSpec)
        if job.spec.train is not None:
            st.caption("First its two ends are trained: what the restarts output by now.")
        return
    if len(found) > 1:
        chart_widget.show(cached.once(charts.all_pairs, found), job.id, extras=False)
        return
    _numbers(found, 0)
    left, right = st.columns(2)
    with left:
        chart_widget.show(cached.once(charts.accuracy_along, found, 0), job.id, extras=False)
    with right:
        chart_widget.show(cached.once(charts.convergence, found, 0), job.id, extras=False)


def show(file: Path, key: str, query: str) -> None:
    """Show a finished set of paths: all pairs if there are several, then one of them."""
    found = cached.paths.if_there(file)
    if found is None or not found.measured.any():
        st.info("Nothing has been measured here.")
        return
    measured = np.flatnonzero(found.measured).tolist()
    pair = measured[0]
    if len(found) > 1:
        _overview(found, key)
        st.subheader("One pair", anchor=False)
        best = max(measured, key=lambda k: (found.connected[k], found.mean(k)))
        pair = st.selectbox(
            "Pair",
            measured,
            measured.index(best),
            format_func=partial(_pair_label, found),
            key=f"pair-{key}",
        )
    _one(found, pair, key)
    findings.show(space.of_paths(found), "set of paths")
    _downloads(found, pair, file, key, query)


PATHS = Kind(
    lambda spec: isinstance(spec, PathsSpec),
    _live,
    in_folder(FILE),
    show,
    "This was stopped before its first measurement; nothing was saved.",
)


def _pair_label(found: Paths, pair: int) -> str:
    state = "connected" if found.connected[pair] else "not connected"
    return f"{found.text(pair).text[:50]} · {found.header.title(pair)} · {state}"


PLAIN = {"delta_color": "off", "delta_arrow": "off"}
"""What stands below a number is its spread and no change."""


def _overview(found: Paths, key: str) -> None:
    said = connection(found)
    least, low, median, high, largest = said.ratios
    with st.container(horizontal=True):
        words.metric(
            "Connected",
            f"{said.connected} of {said.pairs} pairs",
            help="Pairs whose curve keeps accuracy 0.99 or more at every grid point.",
        )
        words.metric(
            "Share connected",
            f"{said.share:.0%}",
            f"{said.low:.0%} to {said.high:.0%}",
            help="Below it the 95% interval (Wilson). It counts texts, not pairs, because pairs of "
            "one text share their ends.",
            **PLAIN,
        )
        words.metric("Straight lines connected", f"{said.lines} of {said.pairs}")
        words.metric(
            "Median length over chord",
            f"{median:.2f}",
            f"{least:.2f} to {largest:.2f}",
            help=f"Half of the curves lie between {low:.2f} and {high:.2f}. Below it the shortest "
            "and the longest.",
            **PLAIN,
        )
        words.metric("Texts", f"{said.texts}")
    if said.failing:
        st.caption(
            f"The curves fail at {counted(said.failing, 'grid point')}, {said.beside_ends} of them "
            f"beside an end (t below {BESIDE:g} or above {1 - BESIDE:g}). A solution that stopped "
            "at its first exact step lies at the edge of what is right. Solutions that were "
            f"trained on, as *{path_set_up.TRAIN}* does, are easier to connect; so is a pair with "
            "more steps, or with two bends."
        )
    left, right = st.columns([3, 2])
    with left:
        chart_widget.show(cached.once(charts.all_pairs, found), key)
    with right:
        chart_widget.show(cached.once(charts.ratios, found), key)


def _one(found: Paths, pair: int, key: str) -> None:
    _numbers(found, pair)
    st.caption("Walk along both paths: what the model says at every t, in one forward pass.")
    token_strip.walk(f"walk-{key}", walk_data(found, pair), run=f"{key}-{pair}")
    text = found.text(pair)
    labels = [found.header.pieces.get(i, "") for i in text.target_ids]
    left, right = st.columns(2)
    with left:
        chart_widget.show(cached.once(charts.accuracy_along, found, pair), key)
        chart_widget.show(cached.once(charts.convergence, found, pair), key)
    with right:
        chart_widget.show(cached.once(charts.loss_along, found, pair), key)
        chart_widget.show(charts.positions_along(found, pair, labels), key)


def _numbers(found: Paths, pair: int) -> None:
    accuracy, line = found.curve.accuracy[pair], found.line.accuracy[pair]
    at = found.converged_at(pair)
    with st.container(horizontal=True):
        words.metric(
            "Lowest accuracy, curve",
            f"{accuracy.min():.0%}",
            _lead(accuracy, line),
            help="Over the grid; the change is against the straight line.",
        )
        words.metric("Mean along the curve", f"{found.mean(pair):.1%}", help=MEAN_HELP)
        words.metric("Mean along the line", f"{found.mean(pair, line=True):.1%}", help=MEAN_HELP)
        words.metric(
            "Length over chord",
            f"{found.ratio(pair):.3f}",
            help=f"Curve {found.length(pair):.2f}, chord {found.chord(pair):.2f}, in the "
            "space of [e; m].",
        )
        words.metric("Steps", f"{found.steps[pair]}")
        words.metric("Connected from step", "not yet" if at is None else f"{at}")
        words.metric(f"{len(found.t)} points, one pass", human_seconds(found.header.pass_seconds))


MEAN_HELP = "Accuracy averaged over the length of the path, not over t."


def _lead(accuracy: np.ndarray, line: np.ndarray) -> str:
    return f"{100 * (accuracy.min() - line.min()):+.0f} points"


def _downloads(found: Paths, pair: int, file: Path, key: str, query: str) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        point = partial(places.control_point_bytes, found, pair)
        download.button(
            "Control point",
            point,
            places.CONTROL_POINT,
            f"download-control-{key}",
            "The trained point, [e; m], as safetensors.",
        )
        download.button(
            "All numbers",
            file.read_bytes,
            FILE,
            f"download-paths-{key}",
            "Everything on this page, as safetensors.",
        )
        a, b = (found.header.solutions[i].id for i in found.header.pairs[pair])
        st.link_button(
            "Landscape",
            f"./landscape?paths={places.PATHS.id_of(file)}&pair={pair}",
            icon=":material/landscape:",
        )
        look_inside.link(a, "Look inside the first")
        look_inside.link(b, "Look inside the second")
        copy_link(f"link-{key}", query)
        st.caption(escaped(f"Solutions {a} and {b}."))
