"""Problems a person can solve become a sentence on the page, never a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from explorer.base.errors import CorruptFileError, ExplorerError, StorageError
from explorer.base.language import tr
from widgets.markdown import escaped


@contextmanager
def sentences() -> Iterator[None]:
    """Show an `ExplorerError` raised inside as a box with its sentence."""
    try:
        yield
    except ExplorerError as error:
        st.error(escaped(str(error)), icon=":material/error:")


@contextmanager
def unreadable(sentence: str = "{error}", **values: str) -> Iterator[None]:
    """Warn of a file that cannot be read inside, with `sentence` and its `values`, and go on."""
    try:
        yield
    except (CorruptFileError, StorageError) as error:
        st.warning(escaped(tr(sentence, error=error, **values)), icon=":material/broken_image:")


def unforeseen(_error: Exception) -> bool:
    """Say on a page that a fault of the program's own stopped it; the log has the traceback.

    Returns:
        True: Streamlit shows nothing of its own.
    """
    st.error(
        tr(
            "A fault in this program stopped the page here. Nothing that is stored or trained is "
            "lost: reload the page. The server's log says where it happened."
        ),
        icon=":material/error:",
    )
    return True
