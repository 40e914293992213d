"""Taking in solutions that somebody else made."""

import streamlit as st

from explorer.base.errors import ExplorerError
from explorer.base.language import tr
from explorer.library import exchange
from widgets import server
from widgets.again import run_again


def show() -> None:
    """Offer an upload; say of every solution in it what became of it."""
    with st.popover(tr("Import"), icon=":material/upload:", key="import"):
        st.caption(
            tr(
                "A solution file, or a zip exported by an explorer. Each solution is checked "
                "against the model of its name on this disk."
            )
        )
        files = st.file_uploader(
            tr("Solutions"),
            type=["safetensors", "zip"],
            accept_multiple_files=True,
            key=f"import-{st.session_state.get('imports', 0)}",
            label_visibility="collapsed",
        )
        if files and st.button(tr("Import"), type="primary", key="import-now"):
            st.session_state["imported"] = [
                arrival for file in files for arrival in _take_in(file.name, file.getvalue())
            ]
            st.session_state["imports"] = st.session_state.get("imports", 0) + 1
            run_again()


def report() -> None:
    """Say what became of the last import, until it is put away."""
    arrivals: list[exchange.Arrival] = st.session_state.get("imported", [])
    if not arrivals:
        return
    good = sum(arrival.id is not None for arrival in arrivals)
    with st.container(border=True):
        st.write(tr("{some} of {all} imported.", some=good, all=len(arrivals)))
        shown = [a for a in arrivals if a.id is None][:10] or arrivals[:5]
        st.text("\n".join(f"{arrival.file}: {arrival.sentence}" for arrival in shown))
        if st.button(tr("Dismiss"), key="imported-seen"):
            del st.session_state["imported"]
            run_again()


def _take_in(name: str, data: bytes) -> list[exchange.Arrival]:
    try:
        return server.take_in(name, data)
    except ExplorerError as error:
        return [exchange.Arrival(name, None, str(error))]
