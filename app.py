"""Entry point: `streamlit run app.py`. Page config, the worker, navigation; nothing else."""

import streamlit as st

from widgets import start

st.set_page_config("Proto-Token Explorer", page_icon=start.ICON, layout="wide")
start.style()
start.worker()
# Not in a folder called pages/: Streamlit would take over its files before this one has run once.
st.navigation(
    [
        st.Page("views/reconstruct.py", title="Reconstruct", icon=":material/bolt:", default=True),
        st.Page("views/sets.py", title="Sets", icon=":material/dataset:"),
        st.Page("views/distances.py", title="Distances", icon=":material/social_distance:"),
        st.Page("views/maps.py", title="Maps", icon=":material/scatter_plot:"),
        st.Page("views/paths.py", title="Paths", icon=":material/timeline:"),
        st.Page("views/landscape.py", title="Landscape", icon=":material/landscape:"),
        st.Page("views/library.py", title="Library", icon=":material/inventory_2:"),
    ],
    position="top",
).run()
