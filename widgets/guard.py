"""Problems a person can solve become a sentence on the page, never a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from explorer.base.errors import ExplorerError
from widgets.markdown import escaped


@contextmanager
def sentences() -> Iterator[None]:
    """Show an `ExplorerError` raised inside as a box with its sentence."""
    try:
        yield
    except ExplorerError as error:
        st.error(escaped(str(error)), icon=":material/error:")
