"""Who can reach this server: what reads its disk is offered to the person in front of it only."""

import streamlit as st

HERE_ALONE = (None, "", "localhost", "127.0.0.1", "::1")
NO_PATHS = (
    "This server is open to other machines, so files are not read from its disk by their path. "
    "Upload the text under “Own text”, or start the explorer on your own machine."
)


def is_private() -> bool:
    """Return whether `server.address` names this machine alone, or nothing in particular."""
    return st.get_option("server.address") in HERE_ALONE
