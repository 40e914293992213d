"""What stands over every job in progress, Pause and Stop, and what is said of one that is over."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from explorer.base.errors import BadInputError
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


def of_link(job_id: str, file: Path) -> Job | None:
    """Return the job that a link names, or None if it was deleted and its result is still there.

    Raises:
        BadInputError: if there is neither.
    """
    try:
        return client.get(job_id)
    except BadInputError:
        if job_id.isalnum() and file.is_file():
            return None
        raise


def is_over(job: Job, belongs: bool, live: Callable[[str], None]) -> bool:
    """Show a job while it is under way; return whether it is over and its result can be shown.

    Args:
        job: what the link names.
        belongs: whether it is a job of this page.
        live: shows it under way, by its id.
    """
    if not belongs:
        st.info("This link leads to a job of another page.")
        return False
    if not job.over:
        live(job.id)
        return False
    outcome(job)
    return True


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
