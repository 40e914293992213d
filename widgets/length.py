"""How many tokens: a number that a person chose stays chosen while the text changes."""

import streamlit as st

from explorer.base.formatting import counted
from explorer.base.language import tr


def choose(most: int, usual: int, key: str, help: str | None = None) -> int:  # noqa: A002
    """Show the field for N and return it.

    A field with other bounds is another field to Streamlit, which starts anew: what was asked for
    last is kept beside it.

    Args:
        most: tokens of the text, the largest N.
        usual: N before anybody chose one.
        key: of the field.
        help: what its question mark says.
    """
    field, wanted = f"{key}-{most}", f"{key}-wanted"

    def remember() -> None:
        st.session_state[wanted] = st.session_state[field]

    value = min(int(st.session_state.get(wanted, usual)), most)
    return st.number_input(
        tr("N, target tokens"), 1, most, value, key=field, on_change=remember, help=help
    )


def offer_all(most: int, chosen: int, total: int, key: str) -> None:
    """Say how many tokens are left out, with a button that takes as many as can be.

    Args:
        most: the largest N.
        chosen: N.
        total: tokens of the text.
        key: of the field.
    """

    def take() -> None:
        st.session_state[f"{key}-{most}"] = st.session_state[f"{key}-wanted"] = most

    left_out = counted(total - chosen, "token is", "tokens are")
    st.button(
        tr("{tokens} left out: take all {most}", tokens=left_out, most=most)
        if most == total
        else tr("{tokens} left out: take {most}", tokens=left_out, most=most),
        icon=":material/select_all:",
        type="tertiary",
        key=f"{key}-all",
        on_click=take,
    )
