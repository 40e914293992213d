"""Two solutions of one text: the straight line between them fails, a trained curve can hold."""

import streamlit as st

from explorer.assets import allowed_folders
from explorer.paths import places
from widgets import path_set_up, path_view, server, slow_start, start
from widgets.guard import sentences


def set_up() -> None:
    """What to connect, with which curve, and Connect."""
    spec = path_set_up.choose()
    pressed = slow_start.button(
        path_set_up.expected(spec), "connect", label="Connect", icon=":material/timeline:",
        quicker="Fewer pairs or steps are quicker.",
    )  # fmt: skip
    if pressed and spec is not None:
        for name in ("a", "b", "record"):
            st.query_params.pop(name, None)
        st.query_params["job"] = server.submit(spec)


def result() -> None:
    """What the link names: a job, or else paths that ship with the project."""
    if job := st.query_params.get("job"):
        path_view.show_job(job)
        return
    shipped = places.PATHS.shipped()
    if not shipped:
        st.info("Pick two solutions and press Connect.")
        return
    wanted = st.query_params.get("record")
    if wanted:
        server.require(allowed_folders.in_id(wanted))
    file = places.find_paths(wanted) if wanted else shipped[0]
    st.badge("recorded", icon=":material/history:", color="gray")
    st.caption(
        "Made earlier with the embedded model on two CPU cores, and shipped with the project. "
        "Press Connect to make your own."
    )
    path_view.show(file, f"recorded-{file.parent.name}", f"?record={file.parent.name}")


start.through_entry()
st.title("From one solution to another", anchor=False)
left, right = st.columns([2, 5], gap="large")
with left, sentences():
    set_up()
with right, sentences():
    result()
