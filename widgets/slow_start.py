"""Start, and a question before it where what is started takes long on this machine."""

import streamlit as st

QUICK_SECONDS = 180.0
"""What usually takes longer is asked about first."""


def button(seconds: float, words: str, *, disabled: bool = False, key: str = "start") -> bool:
    """Show Start; return whether it was pressed and, where that takes long, confirmed.

    Args:
        seconds: how long it usually takes.
        words: the same in words, inside a sentence.
        disabled: whether nothing can be started yet.
        key: of the button.
    """
    if disabled or seconds <= QUICK_SECONDS:
        return st.button(
            "Start", type="primary", icon=":material/play_arrow:", key=key, disabled=disabled,
            width="stretch",
        )  # fmt: skip
    st.caption(f"This takes long: {words}.")
    with st.popover(
        "Start", type="primary", icon=":material/hourglass_top:", key=f"{key}-ask", width="stretch"
    ):
        st.write(
            f"It takes {words}. A shorter target is quicker. You can stop at any time and keep "
            "what has been found."
        )
        return st.button("Start all the same", type="primary", key=key)
