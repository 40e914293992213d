"""Recorded runs on pages: choosing one to lay into a map."""

import pandas as pd
import streamlit as st

from explorer.base.errors import ExplorerError
from explorer.base.language import tr
from explorer.geometry import maps
from explorer.geometry.maps import SolutionMap
from explorer.solutions import store
from widgets import cached
from widgets.markdown import escaped

NONE = "none"


def choose_trajectory(made: SolutionMap) -> pd.DataFrame | None:
    """Show the picker of recorded runs and return the chosen one's way through a PCA map."""
    known = {folder.name: folder for folder in reversed(store.RUNS.folders())}
    if not known:
        return None
    name = st.selectbox(
        tr("Show a recorded run on the map"),
        [NONE, *known],
        key="trajectory",
        format_func=tr,
        help=tr(
            "e and m during training, along the map's axes: at each step those of the restart that "
            "was best then. The line has a gap where another one took over."
        ),
    )
    if name == NONE:
        return None
    recording, _ = cached.run(known[name])
    if recording is None:
        st.caption(tr("This run's recording cannot be read."))
        return None
    try:
        return maps.trajectory(made, recording)
    except ExplorerError as error:
        st.caption(escaped(str(error)))
        return None
