"""Start, and a question before it where what is started takes long on this machine."""

import streamlit as st

from explorer.estimates.outlook import Expected, about

QUICK_SECONDS = 180.0
"""What usually takes longer is asked about first."""


def button(expected: Expected | None, key: str = "start") -> bool:
    """Show Start; return whether it was pressed and, where that takes long, confirmed.

    Args:
        expected: how long it will take; None: nothing can be started yet.
        key: of the button.
    """
    if expected is None or expected.usual <= QUICK_SECONDS:
        return st.button(
            "Start", type="primary", icon=":material/play_arrow:", key=key,
            disabled=expected is None, width="stretch",
        )  # fmt: skip
    usual, most = about(expected.usual), about(expected.most)
    st.caption(f"This takes long: usually about {usual}, {most} at the longest.")
    with st.popover(
        "Start", type="primary", icon=":material/hourglass_top:", key=f"{key}-ask", width="stretch"
    ):
        st.write(
            f"It usually takes about {usual}. A shorter target is quicker. You can stop at any "
            "time and keep what has been found."
        )
        return st.button("Start all the same", type="primary", key=key)
