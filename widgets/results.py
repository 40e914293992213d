"""Paths, landscapes and radii from the disk, read once for each version of their file."""

from pathlib import Path

import streamlit as st

from explorer.landscape.result import Landscape
from explorer.landscape.surroundings import Surroundings
from explorer.paths.result import Paths


def paths(file: Path) -> Paths | None:
    """Return a set of paths, or None while there is none.

    Raises:
        CorruptFileError: if it cannot be read.
    """
    return _paths(file, file.stat().st_mtime_ns) if file.is_file() else None


@st.cache_resource(max_entries=16, show_spinner=False)
def _paths(file: Path, stamp: int) -> Paths:
    return Paths.load(file)


def landscape(file: Path) -> Landscape | None:
    """Return a landscape, or None while there is none.

    Raises:
        CorruptFileError: if it cannot be read.
    """
    return _landscape(file, file.stat().st_mtime_ns) if file.is_file() else None


@st.cache_resource(max_entries=16, show_spinner=False)
def _landscape(file: Path, stamp: int) -> Landscape:
    return Landscape.load(file)


def surroundings(file: Path) -> Surroundings | None:
    """Return a walk around a solution, or None while there is none.

    Raises:
        CorruptFileError: if it cannot be read.
    """
    return Surroundings.load(file) if file.is_file() else None
