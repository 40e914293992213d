"""The sets of paths that there are, as pages list them."""

from collections.abc import Iterator
from pathlib import Path

from explorer.base.language import later
from explorer.paths import places
from explorer.paths.result import Paths
from widgets import cached
from widgets.guard import unreadable


def readable() -> Iterator[tuple[Path, Paths]]:
    """Yield every set of paths that can be read and its file, own ones first; say which cannot."""
    for file in places.PATHS.files():
        found = None
        with unreadable(later("Paths {id}: {error}"), id=places.PATHS.id_of(file)):
            found = cached.paths.if_there(file)
        if found is not None:
            yield file, found
