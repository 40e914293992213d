"""Paths on the page: live while they are trained, a slider along t when they are there."""

from functools import partial
from pathlib import Path

import numpy as np
import streamlit as st

from explorer.base.formatting import counted, human_seconds
from explorer.base.language import later, tr
from explorer.experiments import space
from explorer.figures import paths as charts
from explorer.figures import stored
from explorer.figures.strip import walk_data
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
from widgets.choice import told_apart
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
            st.caption(tr("The two ends are trained first. This is what the restarts output now."))
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
        st.info(tr("Nothing has been measured here."))
        return
    measured = np.flatnonzero(found.measured).tolist()
    pair = measured[0]
    if len(found) > 1:
        st.subheader(tr("One pair"), anchor=False)
        called = told_apart({k: _pair_label(found, k) for k in measured}, found.header.ends)
        pair = st.selectbox(
            tr("Pair"),
            measured,
            measured.index(stored.best_pair(found)),
            format_func=called.__getitem__,
            key=f"pair-{key}",
        )
    _one(found, pair, key)
    if len(found) > 1:
        st.subheader(tr("All pairs"), anchor=False)
        _overview(found, key)
    findings.show(space.of_paths(found))
    _downloads(found, pair, file, key, query)


PATHS = Kind(
    lambda spec: isinstance(spec, PathsSpec),
    _live,
    in_folder(places.folder_of, FILE),
    show,
    later("This was stopped before its first measurement; nothing was saved."),
)


def _pair_label(found: Paths, pair: int) -> str:
    state = tr("connected") if found.connected[pair] else tr("not connected")
    return f"{found.text(pair).text[:50]} · {found.header.title(pair)} · {state}"


def _overview(found: Paths, key: str) -> None:
    said = connection(found)
    least, low, median, high, largest = said.ratios
    with st.container(horizontal=True):
        words.metric(
            tr("Connected pairs"),
            tr("{some} of {all}", some=said.connected, all=said.pairs),
            help=tr("Pairs whose curve keeps an accuracy of 0.99 or more at every grid point."),
        )
        words.metric(
            tr("Share connected"),
            f"{said.share:.0%}",
            tr("{low} to {high}", low=f"{said.low:.0%}", high=f"{said.high:.0%}"),
            help=tr(
                "Below it the 95% interval (Wilson). It counts texts, not pairs, because pairs of "
                "one text share their ends."
            ),
            spread=True,
        )
        lines = tr("{some} of {all}", some=said.lines, all=said.pairs)
        words.metric(tr("Connected by a straight line"), lines)
        words.metric(
            tr("Median curve length ÷ chord"),
            f"{median:.2f}",
            tr("{low} to {high}", low=f"{least:.2f}", high=f"{largest:.2f}"),
            help=tr(
                "How much longer a curve is than the straight line. Half of the curves lie between "
                "{low} and {high}. Below it the shortest and the longest.",
                low=f"{low:.2f}",
                high=f"{high:.2f}",
            ),
            spread=True,
        )
        words.metric(tr("Texts"), f"{said.texts}")
    if said.failing:
        st.caption(
            tr(
                "Where the curves fail: {points}, {beside} of them close to an end (t below {low} "
                "or above {high}). A solution whose training stopped at its first exact step lies "
                "at the edge of what works. Solutions that were trained further, as *{train}* "
                "does, are easier to connect. More steps, or two bends, help as well.",
                points=counted(said.failing, "grid point"),
                beside=said.beside_ends,
                low=f"{BESIDE:g}",
                high=f"{1 - BESIDE:g}",
                train=tr(path_set_up.TRAIN),
            )
        )
    left, right = st.columns([3, 2])
    with left:
        chart_widget.show(cached.once(charts.all_pairs, found), key)
    with right:
        chart_widget.show(cached.once(charts.ratios, found), key)


def _one(found: Paths, pair: int, key: str) -> None:
    _numbers(found, pair)
    st.caption(
        tr("Walk along both paths: what the model outputs at each t, all in one forward pass.")
    )
    token_strip.walk(f"walk-{key}", walk_data(found, pair), run=f"{key}-{pair}")
    left, right = st.columns(2)
    with left:
        chart_widget.show(cached.once(charts.accuracy_along, found, pair), key)
        chart_widget.show(cached.once(charts.convergence, found, pair), key)
    with right:
        chart_widget.show(cached.once(charts.loss_along, found, pair), key)
        chart_widget.show(charts.positions_along(found, pair), key)


def _numbers(found: Paths, pair: int) -> None:
    accuracy, line = found.curve.accuracy[pair], found.line.accuracy[pair]
    lead = f"{100 * (accuracy.min() - line.min()):+.0f}"
    at = found.converged_at(pair)
    with st.container(horizontal=True):
        words.metric(
            tr("Lowest accuracy, curve"),
            f"{accuracy.min():.0%}",
            tr("{points} percentage points", points=lead),
            help=tr("Of all grid points. Below it the difference from the straight line."),
        )
        mean, straight = f"{found.mean(pair):.1%}", f"{found.mean(pair, line=True):.1%}"
        words.metric(tr("Mean accuracy, curve"), mean, help=tr(MEAN_HELP))
        words.metric(tr("Mean accuracy, line"), straight, help=tr(MEAN_HELP))
        words.metric(
            tr("Curve length ÷ chord"),
            f"{found.ratio(pair):.3f}",
            help=tr(
                "Curve {curve}, chord (straight line) {chord}, in the space of [e; m].",
                curve=f"{found.length(pair):.2f}",
                chord=f"{found.chord(pair):.2f}",
            ),
        )
        words.metric(tr("Steps"), f"{found.steps[pair]}")
        words.metric(tr("Connected from step"), tr("not yet") if at is None else f"{at}")
        points = counted(len(found.t), "point")
        time = human_seconds(found.header.pass_seconds)
        words.metric(tr("Time of one pass ({points})", points=points), time)


MEAN_HELP = later("Averaged over the length of the path, not over t.")


def _downloads(found: Paths, pair: int, file: Path, key: str, query: str) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        point = partial(places.control_point_bytes, found, pair)
        download.button(
            tr("Control point"),
            point,
            places.CONTROL_POINT,
            f"download-control-{key}",
            tr("The trained control point, [e; m], as safetensors."),
        )
        download.button(
            tr("All numbers"),
            file.read_bytes,
            FILE,
            f"download-paths-{key}",
            tr("Everything on this page, as safetensors."),
        )
        a, b = found.header.ends(pair)
        st.link_button(
            tr("Landscape"),
            f"./landscape?paths={places.PATHS.id_of(file)}&pair={pair}",
            icon=":material/landscape:",
        )
        look_inside.link(a, tr("Look inside the first"))
        look_inside.link(b, tr("Look inside the second"))
        copy_link(f"link-{key}", query)
        st.caption(escaped(tr("Solutions {first} and {second}.", first=a, second=b)))
