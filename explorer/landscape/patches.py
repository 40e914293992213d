"""Patches of a landscape's grid: what is measured elsewhere and brought back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from explorer.base.language import later
from explorer.base.provenance import computed_apart
from explorer.base.tensor_files import TensorFormat, Tensors
from explorer.landscape.plane import COARSEST
from explorer.landscape.result import Landscape, LandscapeHeader
from explorer.paths.result import profile_layout

POINTS = 256
"""Points of a patch: seconds on a processor, and few enough that a small grid has several."""
FILE = "patch.safetensors"
MEASURED = ("accuracy", "loss", "predicted", "p", "rank")
"""Fields of a `Landscape` that are measured at each point."""


def added_by(level: int, finest: int) -> NDArray[np.int64]:
    """Return row and column in the finest grid of the points that a level adds, (k, 2)."""
    side, stride = 2**finest + 1, 2 ** (finest - level)
    wanted = np.zeros((side, side), dtype=bool)
    wanted[::stride, ::stride] = True
    if level > COARSEST:
        wanted[:: 2 * stride, :: 2 * stride] = False
    return np.argwhere(wanted)


def names(finest: int) -> list[str]:
    """Return the names of all patches, those of coarse levels first."""
    return [
        f"{level}:{first}"
        for level in range(COARSEST, finest + 1)
        for first in range(0, len(added_by(level, finest)), POINTS)
    ]


def points_of(name: str, finest: int) -> NDArray[np.int64]:
    """Return row and column of the points of a patch."""
    level, first = map(int, name.split(":"))
    return added_by(level, finest)[first : first + POINTS]


def is_measured(found: Landscape, name: str) -> bool:
    """Whether every point of a patch is measured."""
    rows, columns = points_of(name, found.header.level).T
    return bool(np.isfinite(found.accuracy[rows, columns]).all())


def save(found: Landscape, name: str, path: Path) -> Path:
    """Write what was measured of a patch, with the header of the whole.

    Raises:
        StorageError: if the disk refuses.
    """
    rows, columns = points_of(name, found.header.level).T
    tensors = {of: getattr(found, of)[rows, columns] for of in MEASURED}
    return FORMAT.save(path, found.header, tensors)


def brought_back(found: Landscape, name: str, file: Path) -> Landscape:
    """Return a landscape with a patch that was measured elsewhere; arrays change in place.

    Raises:
        CorruptFileError: if the file is damaged.
        ValueError: if it is of another patch.
    """
    header, tensors = FORMAT.load(file)
    rows, columns = points_of(name, found.header.level).T
    for of in MEASURED:
        getattr(found, of)[rows, columns] = tensors[of]
    levels = range(COARSEST, found.header.level + 1)
    strides = {level: 2 ** (found.header.level - level) for level in levels}
    whole = [k for k, s in strides.items() if np.isfinite(found.accuracy[::s, ::s]).all()]
    seconds = found.header.seconds + header.seconds
    changed = {
        "pieces": found.header.pieces | header.pieces,
        "reached": max(whole, default=-1),
        "seconds": seconds,
        "points_per_second": found.measured / max(seconds, 1e-9),
        "plain_per_second": header.plain_per_second,
    }
    changed |= computed_apart(found.header, header, "device")
    return replace(found, header=found.header.model_copy(update=changed))


def _problem(_: LandscapeHeader, tensors: Tensors) -> str:
    return "" if np.isfinite(tensors["accuracy"]).all() else later("points that were not measured")


FORMAT = TensorFormat(
    noun=later("a patch of a landscape"),
    key="landscape",
    header=LandscapeHeader,
    layout=lambda header: profile_layout(("points",), len(header.text.target_ids)),
    check=_problem,
)
"""What was measured at the points of one patch, JSON of the whole landscape in `landscape`."""
