"""Texts that a person gathers for a solution set: typed, or taken from the library."""

import pandas as pd
import streamlit as st

from explorer.base.language import tr
from explorer.base.value import valid
from explorer.solutions import store
from explorer.specs.jobs import GatheredText
from widgets import words

MOST = 200


def gather() -> tuple[GatheredText, ...]:
    """Show a table to type texts into and a picker of library entries; return what is there."""
    st.caption(tr("One text in each row. Rows with the same context belong together."))
    typed = st.data_editor(
        pd.DataFrame({"context": [""], "text": [""]}, dtype="string"),
        num_rows="dynamic",
        hide_index=True,
        key="set_typed",
        width="stretch",
        column_config={
            name: st.column_config.TextColumn(words.column(name)) for name in ("context", "text")
        },
    )
    entries = {entry.id: entry.record for entry in store.entries() if entry.record is not None}
    chosen = st.multiselect(
        tr("Texts from the library"),
        list(entries),
        format_func=lambda i: f"{entries[i].text[:60]} ({i[:6]})",
        key="set_library",
    )
    rows = [
        valid(GatheredText, {"text": row["text"], "context": row["context"][:300]})
        for row in typed.fillna("").to_dict(orient="records")[:MOST]
        if str(row["text"]).strip()
    ]
    known = {row.text for row in rows}
    for name in chosen:
        record = entries[name]
        if record.text not in known:
            known.add(record.text)
            rows.append(valid(GatheredText, {"text": record.text, "title": record.title[:300]}))
    return tuple(rows)
