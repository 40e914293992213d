"""e against m: what each of the two vectors carries, over a set."""

import streamlit as st

from explorer.base.language import tr
from widgets import roles_view, sets, start
from widgets.guard import sentences

start.through_entry()
st.title(tr("e against m"), anchor=False)
with sentences():
    chosen = sets.choose()
    if chosen is not None:
        roles_view.show(sets.read(chosen))
