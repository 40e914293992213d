"""Make solution sets: contexts x continuations x restarts, and watch them grow (E6)."""

import streamlit as st

from explorer.base.language import tr
from explorer.jobs import client
from explorer.specs.jobs import SolveSetSpec
from widgets import server, set_set_up, set_view, sets, start
from widgets.following import follow
from widgets.guard import sentences

start.page(tr("Solution sets"))
left, right = start.sides()
with left, sentences():
    set_set_up.set_up()
with right, sentences():
    st.write(
        tr(
            "A set holds many solutions of one model and one length: several texts for each "
            "context, and several solutions of the same text. Distances and maps are made from "
            "sets."
        )
    )
    asked = [job for job in client.jobs() if isinstance(job.spec, SolveSetSpec)]
    working = [job for job in asked if not job.over]
    for job in working:
        follow(job.id, "", results=set_view.so_far)
    if (own := next((job for job in asked if server.is_theirs(job.id)), None)) is not None:
        set_view.failure(own)
    if (chosen := sets.choose()) is not None:
        if chosen not in [job.result.get("set") for job in working]:
            set_view.show(chosen)
        with st.container(horizontal=True):
            st.link_button(tr("Distances"), f"./distances?set={chosen}")
            st.link_button(tr("Map"), f"./maps?set={chosen}")
