"""A job that something on a page waits for: under way, failed, or a button that asks for it."""

import streamlit as st

from explorer.base.language import retold
from explorer.jobs import client
from explorer.specs.jobs import JobSpec
from widgets import server
from widgets.again import run_again
from widgets.following import follow
from widgets.markdown import escaped


def newest(spec: JobSpec) -> client.Job | None:
    """Return the newest job that was asked for exactly this, or None."""
    return next((job for job in client.jobs() if job.spec == spec), None)


def offer(spec: JobSpec, label: str, key: str) -> None:
    """Show how work on `spec` is going, or a button that asks for it.

    What somebody else has paused is as if it was not there: nobody here can go on with it.
    """
    job = newest(spec)
    if job is not None and job.requested == "pause" and not server.is_theirs(job.id):
        job = None
    if job is not None and not job.over:
        follow(job.id, "")
        return
    if job is not None and job.error:
        st.error(escaped(retold(job.error)), icon=":material/error:")
    if st.button(label, type="primary", icon=":material/play_arrow:", key=key):
        server.submit(spec)
        run_again()
