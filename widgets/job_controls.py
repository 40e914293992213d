"""What stands over every job in progress: its state, Pause and Stop, and why nothing moves."""

import streamlit as st

from explorer.jobs import client
from explorer.jobs.client import Job
from widgets.copy_link import copy_link


def buttons(job: Job, query: str) -> None:
    """Show a job's state, Pause, Stop, and the link that leads back to it."""
    state = "pausing" if job.wanted == "pause" and job.state == "running" else job.state
    state = "stopping" if job.wanted == "stop" else state
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(state, color="blue" if state == "running" else "orange")
        paused = job.wanted == "pause"
        st.button(
            "Resume" if paused else "Pause",
            key=f"pause-{job.id}",
            icon=":material/play_arrow:" if paused else ":material/pause:",
            on_click=client.ask,
            args=(job.id, "run" if paused else "pause"),
        )
        st.button(
            "Stop",
            key=f"stop-{job.id}",
            icon=":material/stop:",
            on_click=client.ask,
            args=(job.id, "stop"),
        )
        copy_link(f"link-{job.id}", query)


def worker_note() -> None:
    """Say why nothing moves; start a new worker if the old one has died."""
    started = client.ensure_worker()
    status = client.worker_status()
    if started:
        st.caption("The worker had stopped; a new one is starting and goes on where it was.")
    elif not status.ready:
        st.caption("The worker is starting: it loads its libraries and the model once.")
    elif status.ahead > 1:
        others = "job shares" if status.ahead == 2 else "jobs share"
        st.caption(f"{status.ahead - 1} other {others} the machine; each has its turn.")
