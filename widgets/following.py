"""A job under way on a page: the server pushes what happens, and the page's script stands still.

The script runs again when there is something that only it can show: new results on the disk, other
buttons because somebody has asked for a pause, or the end.
"""

from collections.abc import Callable
from typing import Any, Literal

import streamlit as st

from explorer.base import glossary, language
from explorer.base.language import later, tr
from explorer.figures.look import look_at
from explorer.figures.palette import DASHES, RESTARTS, RIGHT, WRONG_TO_RIGHT
from explorer.jobs import client, feed
from explorer.jobs.client import Job
from widgets import sources
from widgets.again import run_again
from widgets.guard import sentences
from widgets.job_controls import buttons

Part = Literal["strip", "numbers", "charts"]
Restart = int | Literal["best", "all"]
"""Which restart is shown: the one of a seed, the one furthest on, or all."""

_HTML = '<div class="live"></div>'
STYLES = ("token_strip.css", "live.css")
SCRIPTS = ("strip.js", "live_state.js", "live_stream.js", "live_charts.js", "live.js")
"""What draws a job under way; the class page does as well."""
CHARTS = ("accuracy", "positions", "loss", "position-accuracy")
"""Keys of the charts that the scripts draw, as those of a finished run are called."""
HELP = {
    "steps": later(
        "Optimizer steps that this restart took to reach the vectors shown; while it rests it "
        "takes none. The strip, the charts and the column restart_step count in the same way."
    ),
    "pace": later("Steps of the whole run. In each, every restart that still trains takes one."),
}


@st.fragment
def follow(
    job_id: str,
    query: str | None = None,
    parts: tuple[Part, ...] = (),
    shown: Restart = "best",
    results: Callable[[Job], None] | None = None,
) -> None:
    """Show a job until it is over, then run the page again.

    Args:
        job_id: the job.
        query: the link that leads back to it, such as `?job=…`, shown beside Pause and Stop; empty:
            the two buttons alone; None: nothing to press.
        parts: what to show of a run in training.
        shown: which restart of it.
        results: shows what the job has made so far; called again when that has changed.
    """
    with sentences():
        job = client.get(job_id)
        if job.over:
            run_again()
        if query is not None:
            buttons(job, query)
        _mount(job, parts, shown)
        if results is not None:
            results(job)


def _mount(job: Job, parts: tuple[Part, ...], shown: Restart) -> None:
    component = sources.component("live", *SCRIPTS, "live_mount.js", html=_HTML, styles=STYLES)
    component(
        key=f"live-{job.id}",
        data={"job": job.id, "shown": shown, "stamp": feed.stamp_of(job)}
        | {"spoken": sources.spoken(*SCRIPTS)}
        | drawing(parts),
        on_news_change=lambda: None,
    )


def drawing(parts: tuple[Part, ...]) -> dict[str, Any]:
    """Return what the scripts need to draw these parts of a run."""
    return {
        "parts": list(parts),
        "language": language.current(),
        "help": {name: tr(said) for name, said in HELP.items()}
        | {"h_lm": glossary.entries()["H_LM"].means},
        "look": {key: look_at(key) for key in CHARTS},
        "palette": {
            "restarts": list(RESTARTS),
            "dashes": list(DASHES),
            "scale": [list(stop) for stop in WRONG_TO_RIGHT],
            "right": RIGHT,
        },
    }
