"""How many tokens: a number that a person chose stays chosen while the text changes."""

import streamlit as st


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
        "N, target tokens", 1, most, value, key=field, on_change=remember, help=help
    )
