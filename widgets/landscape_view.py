"""A plane on the page: contours that refine, and the text at any of its points."""

from pathlib import Path

import numpy as np
import streamlit as st

from explorer.base.formatting import human_seconds
from explorer.figures import landscape as charts
from explorer.figures.walk import point_data
from explorer.jobs.client import Job
from explorer.landscape.result import Landscape
from explorer.paths import places
from explorer.specs.jobs import LandscapeSpec, RadiusSpec
from widgets import cached, download, token_strip, words
from widgets import charts as chart_widget
from widgets.copy_link import copy_link
from widgets.following import follow
from widgets.linked import Kind, in_folder
from widgets.markdown import escaped


def _live(job_id: str) -> None:
    follow(job_id, f"?job={job_id}", results=_so_far)


def _so_far(job: Job) -> None:
    found = cached.landscape.if_there(places.folder_of(job.id) / places.LANDSCAPE)
    if found is not None and found.ready:
        chart_widget.show(cached.once(charts.plane, found, "accuracy"), job.id, extras=False)


def show(file: Path, key: str, query: str) -> None:
    """Show a measured plane: numbers, contours of accuracy or loss, and a point that is read."""
    found = cached.landscape.if_there(file)
    if found is None or not found.ready:
        st.info("No whole grid has been measured here.")
        return
    _numbers(found)
    picture, reading = st.columns([3, 2], gap="large")
    with reading:
        column = st.segmented_control(
            "Contours of", ["accuracy", "loss"], default="accuracy", required=True, key=f"of-{key}"
        )
        row, at = _point(found, key)
        st.caption(
            f"At {found.x[at]:.2f} along the chord and {found.y[row]:.2f} from it the model "
            f"outputs, with accuracy {found.accuracy[row, at]:.0%} and loss "
            f"{found.loss[row, at]:.2f} nats:"
        )
        token_strip.still(f"point-{key}", point_data(found, row, at))
    chart = charts.plane(
        found, "loss" if column == "loss" else "accuracy", (row, at), clickable=True
    )
    with picture:
        chart_widget.show(chart, key, on_select=lambda: _clicked(found, key, chart.key))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        download.button(
            "All numbers", file.read_bytes, places.LANDSCAPE, f"download-{key}", "As safetensors."
        )
        copy_link(f"link-{key}", query)
        a, b = found.header.ends
        st.caption(escaped(f"Solutions {a.id} and {b.id}: “{found.header.text.text}”"))


def _point(found: Landscape, key: str) -> tuple[int, int]:
    """Let a person choose a grid point by two sliders; a click on the chart moves them."""
    s = found.stride
    columns, rows = list(range(0, len(found.x), s)), list(range(0, len(found.y), s))
    middle = int(np.argmin(np.abs(found.x - found.marks[-1, 0] / 2)))
    start = int(np.argmin(np.abs(found.y)))
    left, right = st.columns(2)
    at = left.select_slider(
        "Along the chord",
        columns,
        _nearest(columns, middle),
        key=f"column-{key}",
        format_func=lambda k: f"{found.x[k]:.2f}",
    )
    row = right.select_slider(
        "From the chord",
        rows,
        _nearest(rows, start),
        key=f"row-{key}",
        format_func=lambda k: f"{found.y[k]:.2f}",
    )
    return int(row), int(at)


def _nearest(choices: list[int], wanted: int) -> int:
    return min(choices, key=lambda k: abs(k - wanted))


def _clicked(found: Landscape, key: str, chart_key: str) -> None:
    event = st.session_state.get(f"{key}-{chart_key}")
    points = event["selection"]["points"] if event else []
    if points and points[0].get("customdata"):
        row, column = points[0]["customdata"][:2]
        st.session_state[f"row-{key}"] = int(row)
        st.session_state[f"column-{key}"] = int(column)


def _numbers(found: Landscape) -> None:
    header, n = found.header, len(found.x[:: found.stride])
    share = header.points_per_second / max(header.plain_per_second, 1e-9)
    inside = float((found.accuracy[:: found.stride, :: found.stride] >= 0.99).mean())
    with st.container(horizontal=True):
        words.metric("Grid", f"{n} × {n}")
        words.metric("Accuracy ≥ 0.99", f"{inside:.1%}", help="Share of this plane's grid points.")
        words.metric("Points per second", f"{header.points_per_second:.0f}")
        words.metric(
            "Of the plain forward rate",
            f"{share:.0%}",
            help=f"The model's plain forward pass, logits and no more, does "
            f"{header.plain_per_second:.0f} rows of the same length a second.",
        )
        words.metric("Time", human_seconds(header.seconds))
        words.metric("Chord", f"{found.marks[-1, 0]:.2f}", help="In the space of [e; m].")


def _show_radius(file: Path, key: str, _query: str) -> None:
    """Show a walk away from one solution: accuracy by distance."""
    found = cached.surroundings.if_there(file)
    if found is None:
        return
    known = found.radius[np.isfinite(found.radius)]
    with st.container(horizontal=True):
        words.metric("Median radius", "–" if found.median is None else f"{found.median:.3g}")
        if len(known):
            words.metric("Smallest", f"{known.min():.3g}")
            words.metric("Largest", f"{known.max():.3g}")
        words.metric("Norm of [e; m]", f"{found.header.norm:.3g}")
        words.metric("Directions", f"{len(found.radius)}")
    chart_widget.show(charts.around(found), key)
    st.caption(escaped(found.sentence))


PLANES = Kind(
    lambda spec: isinstance(spec, LandscapeSpec),
    _live,
    in_folder(places.LANDSCAPE),
    show,
    "This was stopped before its first points; nothing was saved.",
)
RADII = Kind(
    lambda spec: isinstance(spec, RadiusSpec),
    lambda job_id: follow(job_id, f"?radius={job_id}"),
    in_folder(places.RADIUS),
    _show_radius,
    "This was stopped before its end; nothing was saved.",
    "radius",
)
