"""A job that something on the page waits for: how far it is, until it is over."""

import streamlit as st

from explorer.jobs import client
from widgets.guard import sentences
from widgets.markdown import escaped


@st.fragment(run_every=0.7)
def follow(job_id: str) -> None:
    """Show how far a job is and the text it has written so far; run the page again at its end."""
    with sentences():
        job = client.get(job_id)
        if job.over:
            st.rerun()
        st.progress(job.fraction, text=escaped(job.sentence))
        if text := job.result.get("text"):
            st.text(text)
