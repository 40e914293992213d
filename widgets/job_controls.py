"""What stands over every job in progress, Pause and Stop, and what is said of one that is over."""

import streamlit as st

from explorer.base.language import retold, tr
from explorer.jobs import kept
from explorer.jobs.client import Job
from explorer.people import owners
from explorer.people.person import names
from widgets import server
from widgets.copy_link import copy_link
from widgets.markdown import escaped


def buttons(job: Job, query: str) -> None:
    """Show whose a job is, Pause and Stop where they may be pressed, and the link back to it."""
    owner = owners.owners([job.id]).get(job.id)
    person = server.person()
    with st.container(horizontal=True, vertical_alignment="center"):
        if owners.may(person, owner):
            _pause_and_stop(job)
        if owner is not None and owner != person.id:
            st.caption(tr("By {name}", name=escaped(names([owner])[owner])))
        if query:
            copy_link(f"link-{job.id}", query)
    if job.requested == "stop":
        st.caption(tr("Stopping after this step. What has been found is measured and kept."))


def _pause_and_stop(job: Job) -> None:
    paused = job.requested == "pause"
    st.button(
        tr("Resume") if paused else tr("Pause"),
        key=f"pause-{job.id}",
        icon=":material/play_arrow:" if paused else ":material/pause:",
        on_click=server.ask,
        args=(job.id, "run" if paused else "pause"),
        disabled=job.requested == "stop",  # else it would take that back
    )
    st.button(
        tr("Stop"),
        key=f"stop-{job.id}",
        icon=":material/stop:",
        on_click=server.ask,
        args=(job.id, "stop"),
        disabled=job.requested == "stop",
    )


def outcome(job: Job) -> None:
    """Show why a job that is over failed, the way to go on with it, and what else to know."""
    if job.error:
        st.error(escaped(retold(job.error)), icon=":material/error:")
    if kept.can_resume(job) and server.is_theirs(job.id):
        st.button(
            tr("Resume"),
            key=f"resume-{job.id}",
            icon=":material/play_arrow:",
            help=tr("Goes on from what this job has saved."),
            on_click=server.resume,
            args=(job.id,),
        )
    for notice in job.notices:
        st.info(escaped(retold(notice)), icon=":material/info:")
