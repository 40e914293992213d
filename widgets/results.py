"""Paths, landscapes, radii and looks inside, read once for each version of their file."""

from pathlib import Path

from explorer.inside.result import Inside
from explorer.landscape.result import Landscape
from explorer.landscape.surroundings import Surroundings
from explorer.paths.result import Paths
from widgets.cached import Newest

_paths = Newest(Paths.load, 16)
_landscape = Newest(Landscape.load, 16)
_inside = Newest(Inside.load, 16)


def paths(file: Path) -> Paths | None:
    """Return a set of paths, or None while there is none.

    Raises:
        CorruptFileError: if it cannot be read.
    """
    return _paths(file, file.stat().st_mtime_ns) if file.is_file() else None


def landscape(file: Path) -> Landscape | None:
    """Return a landscape, or None while there is none.

    Raises:
        CorruptFileError: if it cannot be read.
    """
    return _landscape(file, file.stat().st_mtime_ns) if file.is_file() else None


def surroundings(file: Path) -> Surroundings | None:
    """Return a walk around a solution, or None while there is none.

    Raises:
        CorruptFileError: if it cannot be read.
    """
    return Surroundings.load(file) if file.is_file() else None


def inside(file: Path) -> Inside | None:
    """Return a look inside, or None while there is none.

    Raises:
        CorruptFileError: if it cannot be read.
    """
    return _inside(file, file.stat().st_mtime_ns) if file.is_file() else None
