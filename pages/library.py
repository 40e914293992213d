"""Everything stored on this machine: solutions and the jobs that made them."""

import pandas as pd
import streamlit as st

from explorer import store
from explorer.jobs import client
from widgets.guard import sentences

PAGES = {
    "reconstruct": "./?job=",
    "paths": "./paths?job=",
    "landscape": "./landscape?job=",
    "radius": "./landscape?radius=",
}
"""Where the link to a job of each kind leads."""

st.title("Library", anchor=False)
with sentences():
    entries = store.entries()
    unreadable = [entry for entry in entries if entry.problem]
    for entry in unreadable:
        st.warning(entry.problem, icon=":material/broken_image:")
    rows = [
        {
            "open": f"./?solution={entry.id}",
            "text": record.text,
            "N": entry.length,
            "accuracy": record.accuracy,
            "steps": record.steps,
            "seconds": record.seconds,
            "model": record.model,
            "arrangement": record.arrangement,
            "recipe": record.recipe.name,
            "seed": record.seed,
            "H_LM": record.h_lm,
            "made": "ships with the project" if entry.ships else record.created,
        }
        for entry in entries
        if (record := entry.record) is not None
    ]
    st.subheader("Solutions", anchor=False)
    if rows:
        st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            column_config={
                "open": st.column_config.LinkColumn(display_text="open"),
                "accuracy": st.column_config.NumberColumn(format="percent"),
                "seconds": st.column_config.NumberColumn(format="%.1f"),
                "H_LM": st.column_config.NumberColumn("H_LM, nats", format="%.1f"),
            },
            alt="Table of all solutions with their settings and accuracy",
        )
    else:
        st.info("Nothing is stored yet. Train something on the Reconstruct page.")
    st.subheader("Jobs", anchor=False)
    jobs = client.jobs()
    if jobs:
        st.dataframe(
            pd.DataFrame(
                [
                    {
                        "open": PAGES[job.spec.kind] + job.id if job.spec.kind in PAGES else None,
                        "kind": job.spec.kind,
                        "state": job.state,
                        "what": getattr(job.spec, "text", "") or getattr(job.spec, "model", ""),
                        "said": job.error or job.sentence,
                        "queued": pd.Timestamp(job.created, unit="s", tz="UTC"),
                    }
                    for job in jobs
                ]
            ),
            hide_index=True,
            column_config={"open": st.column_config.LinkColumn(display_text="open")},
            alt="Table of all jobs with their state",
        )
    else:
        st.info("No job has been started yet.")
