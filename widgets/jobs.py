"""A job on a page that waits for it: progress, pause and stop, then a fresh look."""

import streamlit as st

from explorer.jobs import client
from explorer.specs.jobs import JobSpec
from widgets import server
from widgets.guard import sentences
from widgets.job_controls import pause_and_stop
from widgets.markdown import escaped


def newest(spec: JobSpec) -> client.Job | None:
    """Return the newest job that was asked for exactly this, or None."""
    return next((job for job in client.jobs() if job.spec == spec), None)


def offer(spec: JobSpec, label: str, key: str) -> None:
    """Show how work on `spec` is going, or a button that asks for it."""
    job = newest(spec)
    if job is not None and not job.over:
        follow(job.id)
        return
    if job is not None and job.error:
        st.error(escaped(job.error), icon=":material/error:")
    if st.button(label, type="primary", icon=":material/play_arrow:", key=key):
        server.submit(spec)
        st.rerun()


@st.fragment(run_every=0.7)
def follow(job_id: str) -> None:
    """Show a job's progress with pause and stop; rerun the page when it is over."""
    with sentences():
        client.ensure_worker()
        job = client.get(job_id)
        if job.over:
            st.rerun()
        st.progress(job.fraction, text=escaped(job.sentence))
        with st.container(horizontal=True):
            pause_and_stop(job)
