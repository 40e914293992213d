"""Assignments on the page: a link that was opened fills the form, and one that others can open."""

from urllib.parse import quote

import streamlit as st

from explorer.base.errors import ExplorerError
from explorer.people import assignment, qr
from explorer.people.assignment import Assignment
from explorer.specs.jobs import ReconstructSpec
from widgets import server
from widgets.copy_link import copy_link
from widgets.guard import sentences
from widgets.markdown import escaped

OPENED = "assignment"
HERE_ONLY = (
    "This address works on this machine only. For a class, start the server with "
    "`--server.address 0.0.0.0` and open the page by this machine's address in the network."
)


def opened() -> Assignment | None:
    """Return the assignment whose link was opened in this visit; say so, or why it is none."""
    try:
        found = assignment.read(st.query_params.to_dict())
    except ExplorerError as error:
        st.error(escaped(str(error)), icon=":material/error:")
        return None
    if found is None:
        return st.session_state.get(OPENED)
    st.session_state[OPENED] = found
    if not st.query_params.get("job"):
        st.info("This is an assignment: the form is filled in.", icon=":material/assignment:")
    return found


def share(spec: ReconstructSpec, text: str) -> None:
    """Offer the form as a link, with a QR code for the projector.

    Args:
        spec: what the form asks for.
        text: as much of the text as the target needs.
    """
    if st.button("Share as assignment", icon=":material/qr_code_2:", key="share", type="tertiary"):
        with sentences():
            _shown(Assignment.of(spec, text))


@st.dialog("Assignment", width="large", icon=":material/assignment:")
def _shown(made: Assignment) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.write("Whoever opens this link finds the form filled in.")
        copy_link("share-link", made.query)
    address = server.reachable()
    if address is None:
        st.warning(HERE_ONLY, icon=":material/wifi_off:")
    link = f"{address or server.address()}{made.query}"
    if (code := qr.svg(link)) is None:
        st.info("The link is too long for a QR code that phones can read. Copy it instead.",
                icon=":material/info:")  # fmt: skip
    else:
        drawn = f"data:image/svg+xml,{quote(code)}"
        st.html(f'<img class="qr" alt="QR code of the assignment" src="{drawn}">')
    st.code(link, language=None, wrap_lines=True)
