"""A solution set on the page: every attempt, also while it grows."""

import time

import pandas as pd
import streamlit as st

from explorer.base.language import later, retold, tr
from explorer.jobs.client import Job
from explorer.solutions.sets import SetRecord
from widgets import job_controls, sets, words

A_DAY = 86_400
SOLUTIONS_HELP = later(
    "Found so far, of those asked for. If an attempt is not exact, another one follows with the "
    "next seed."
)


def table(record: SetRecord) -> pd.DataFrame:
    """Return every attempt of a set as a row."""
    rows = [
        {
            "context": member.context + 1,
            "text": record.text_of(member).text,
            "restart": member.restart + 1,
            "accuracy": member.accuracy,
            "steps": member.steps,
            "seed": member.seed,
            "solution": member.solution,
            later("why not exact"): retold(member.reason) if member.reason else "",
        }
        for member in record.members
    ]
    return pd.DataFrame(rows)


def so_far(job: Job) -> None:
    """Show what a set in the making has so far."""
    if name := job.result.get("set"):
        show(str(name), job.id)


def failure(job: Job) -> None:
    """Show for a day why a set could not be made, and the way to go on with it."""
    if job.error and time.time() - (job.finished or 0) < A_DAY:
        job_controls.outcome(job)


def show(name: str, key: str = "members") -> None:
    """Show a set's attempts, under a key of the place where they stand."""
    record = sets.known().get(name)
    if record is None or not record.members:
        return
    exact = len(record.exact)
    with st.container(horizontal=True):
        found = f"{exact} / {len(record.slots)}"
        words.metric(tr("Exact solutions"), found, help=tr(SOLUTIONS_HELP))
        words.metric(tr("Attempts"), len(record.members))
        words.metric(tr("Attempts not exact"), len(record.members) - exact)
        words.metric(tr("Contexts"), len(record.contexts))
    st.dataframe(
        table(record).rename(columns=words.column),
        hide_index=True,
        key=f"{key}-{name}",
        column_config={words.column("accuracy"): st.column_config.NumberColumn(format="percent")},
        alt=tr("Table of every attempt of the set"),
    )
