"""The sets of paths that there are, as pages list them."""

from collections.abc import Iterator
from pathlib import Path

import streamlit as st

from explorer.base.errors import CorruptFileError
from explorer.base.language import tr
from explorer.paths import places
from explorer.paths.result import Paths
from widgets import cached
from widgets.markdown import escaped


def readable() -> Iterator[tuple[Path, Paths]]:
    """Yield every set of paths that can be read and its file, own ones first; say which cannot."""
    for file in places.PATHS.files():
        try:
            found = cached.paths.if_there(file)
        except CorruptFileError as error:
            said = tr("Paths {id}: {error}", id=places.PATHS.id_of(file), error=error)
            st.warning(escaped(said), icon=":material/broken_image:")
            continue
        if found is not None:
            yield file, found
