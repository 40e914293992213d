"""A plane on the page: contours that refine, and the text at any of its points."""

import math
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer.base.formatting import human_seconds
from explorer.base.language import amount, later, tr
from explorer.figures import landscape as charts
from explorer.figures.strip import point_data
from explorer.jobs.client import Job
from explorer.landscape.result import Landscape
from explorer.paths import places
from explorer.specs.jobs import LandscapeSpec, RadiusSpec
from explorer.specs.recipes import THRESHOLD
from widgets import cached, download, token_strip, words
from widgets import charts as chart_widget
from widgets.choice import one_of
from widgets.copy_link import copy_link
from widgets.following import follow
from widgets.linked import Kind, in_folder
from widgets.markdown import escaped

BESIDE = 0.01
"""Part of the chord by which a point may lie beside the plane and still count as in it."""


def _so_far(job: Job) -> None:
    found = cached.landscape.if_there(places.folder_of(job.id) / places.LANDSCAPE)
    if found is not None and found.ready:
        chart_widget.show(cached.once(charts.plane, found, "accuracy"), job.id, extras=False)


def show(file: Path, key: str, query: str) -> None:
    """Show a measured plane: numbers, contours of accuracy or loss, and a point that is read."""
    found = cached.landscape.if_there(file)
    if found is None or not found.ready:
        st.info(tr("No complete grid has been measured here."))
        return
    _numbers(found)
    picture, reading = st.columns([3, 2], gap="large")
    with reading:
        column = one_of(tr("Contours of"), [later("accuracy"), later("loss")], key=f"of-{key}")
        row, at = _point(found, key)
        st.caption(
            tr(
                "What the model outputs at this point ({x} along the chord, {y} from it): accuracy "
                "{accuracy}, loss {loss} nats.",
                x=f"{found.x[at]:.2f}",
                y=f"{found.y[row]:.2f}",
                accuracy=f"{found.accuracy[row, at]:.0%}",
                loss=f"{found.loss[row, at]:.2f}",
            )
        )
        token_strip.still(f"point-{key}", point_data(found, row, at))
    chart = charts.plane(
        found, "loss" if column == "loss" else "accuracy", (row, at), clickable=True
    )
    with picture:
        chart_widget.show(chart, key, on_select=lambda: _clicked(key, chart.key))
        _say_what_leaves_the_plane(found)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        download.button(
            tr("All numbers"),
            file.read_bytes,
            places.LANDSCAPE,
            f"download-{key}",
            tr("As safetensors."),
        )
        copy_link(f"link-{key}", query)
        a, b = found.header.ends
        said = tr(
            "Solutions {first} and {second}: “{text}”",
            first=a.id,
            second=b.id,
            text=found.header.text.text,
        )
        st.caption(escaped(said))


def _say_what_leaves_the_plane(found: Landscape) -> None:
    """Say how far bends lie beside the plane, where what is drawn of them is their shadow."""
    chord = float(found.marks[-1, 0])
    away = [(k, d) for k, d in enumerate(found.beside) if d > BESIDE * chord]
    if away:
        bend, distance = max(away, key=lambda each: each[1])
        st.caption(
            tr(
                "Bend {bend} lies {distance} beside this plane ({share} of the chord). From bend 1 "
                "on, what is drawn is the path's shadow, and the colors under it are not the "
                "path's.",
                bend=bend,
                distance=f"{distance:.2f}",
                share=f"{distance / chord:.0%}",
            )
        )


def _point(found: Landscape, key: str) -> tuple[int, int]:
    """Let a person choose a grid point by two sliders; a click on the chart moves them."""
    left, right = st.columns(2)
    with left:
        middle = found.marks[-1, 0] / 2
        at = _slider(tr("Along the chord"), found.x, found.stride, middle, f"column-{key}")
    with right:
        row = _slider(tr("From the chord"), found.y, found.stride, 0, f"row-{key}")
    return row, at


def _slider(label: str, values: NDArray[np.float64], stride: int, first: float, key: str) -> int:
    """Let a person choose every `stride`-th value, first the one near `first`; return its index."""
    wanted, indices = int(np.argmin(np.abs(values - first))), list(range(0, len(values), stride))
    nearest = min(indices, key=lambda k: abs(k - wanted))
    said = _decimals(values)
    return int(st.select_slider(label, indices, nearest, key=key, format_func=said.__getitem__))


def _decimals(values: NDArray[np.float64]) -> list[str]:
    """Return numbers with as many decimals as tell neighbours apart, two at least."""
    digits = max(2, math.ceil(-math.log10(np.diff(values).min())))
    return [amount(f"{value:.{digits}f}") for value in values]


def _clicked(key: str, chart_key: str) -> None:
    points = chart_widget.chosen(st.session_state.get(f"{key}-{chart_key}"))
    if points:
        row, column = points[0]
        st.session_state[f"row-{key}"] = int(row)
        st.session_state[f"column-{key}"] = int(column)


def _numbers(found: Landscape) -> None:
    header, n = found.header, len(found.x[:: found.stride])
    inside = float((found.accuracy[:: found.stride, :: found.stride] >= THRESHOLD).mean())
    with st.container(horizontal=True):
        words.metric(tr("Grid"), f"{n} × {n}")
        words.metric(
            tr("Accuracy 0.99 or more"),
            f"{inside:.1%}",
            help=tr("Share of the grid points of this plane."),
        )
        words.metric(tr("Points per second"), f"{header.points_per_second:.0f}")
        words.metric(
            tr("Share of the model's own speed"),
            f"{found.share:.0%}",
            help=tr(
                "The forward pass alone, without anything measured, does {rows} rows of the same "
                "length per second.",
                rows=f"{header.plain_per_second:.0f}",
            ),
        )
        words.metric(tr("Time"), human_seconds(header.seconds))
        chord = f"{found.marks[-1, 0]:.2f}"
        words.metric(tr("Chord"), chord, help=tr("In the space of [e; m]."))


def _show_radius(file: Path, key: str, _query: str) -> None:
    """Show a walk away from one solution: accuracy by distance."""
    found = cached.surroundings.if_there(file)
    if found is None:
        return
    known = found.radius[np.isfinite(found.radius)]
    with st.container(horizontal=True):
        words.metric(tr("Median radius"), "–" if found.median is None else f"{found.median:.3g}")
        if len(known):
            words.metric(tr("Smallest"), f"{known.min():.3g}")
            fell = len(known) == len(found.radius)
            words.metric(tr("Largest"), f"{known.max():.3g}" if fell else "–")
        words.metric(tr("Norm of [e; m]"), f"{found.header.norm:.3g}")
        words.metric(tr("Directions"), f"{len(found.radius)}")
    chart_widget.show(charts.around(found), key)
    st.caption(escaped(found.sentence))


PLANES = Kind(
    lambda spec: isinstance(spec, LandscapeSpec),
    lambda job_id: follow(job_id, f"?job={job_id}", results=_so_far),
    in_folder(places.folder_of, places.LANDSCAPE),
    show,
    later("This was stopped before its first points were measured; nothing was saved."),
)
RADII = Kind(
    lambda spec: isinstance(spec, RadiusSpec),
    lambda job_id: follow(job_id, f"?radius={job_id}"),
    in_folder(places.folder_of, places.RADIUS),
    _show_radius,
    later("This was stopped before it was finished; nothing was saved."),
    "radius",
)
