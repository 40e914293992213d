"""A button that hands over a file, made when it is pressed."""

from collections.abc import Callable

import streamlit as st


def button(
    label: str,
    data: Callable[[], bytes | str],
    name: str,
    key: str,
    help: str | None = None,  # noqa: A002 (as Streamlit calls it)
    mime: str | None = None,
) -> None:
    """Offer what `data` makes as a file of that name; the page does not run again for it."""
    st.download_button(
        label, data, name, mime, key=key, on_click="ignore", icon=":material/download:", help=help
    )
