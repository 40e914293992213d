"""What stands over every job in progress, Pause and Stop, and what is said of one that is over."""

import streamlit as st

from explorer.jobs import client, kept
from explorer.jobs.client import Job
from widgets.copy_link import copy_link
from widgets.markdown import escaped


def buttons(job: Job, query: str) -> None:
    """Show Pause, Stop, and the link that leads back to a job, if there is one."""
    with st.container(horizontal=True, vertical_alignment="center"):
        pause_and_stop(job)
        if query:
            copy_link(f"link-{job.id}", query)
    if job.requested == "stop":
        st.caption("Stopping: it ends with this step. What has been found is measured and kept.")


def pause_and_stop(job: Job) -> None:
    """Show the two buttons."""
    paused = job.requested == "pause"
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
        disabled=job.requested == "stop",
    )


def outcome(job: Job) -> None:
    """Show why a job that is over failed, the way to go on with it, and what else to know."""
    if job.error:
        st.error(escaped(job.error), icon=":material/error:")
    if kept.can_resume(job):
        st.button(
            "Resume",
            key=f"resume-{job.id}",
            icon=":material/play_arrow:",
            help="Goes on from what this job has left on the disk.",
            on_click=kept.resume,
            args=(job.id,),
        )
    for notice in job.notices:
        st.info(escaped(notice), icon=":material/info:")
