"""Where sets of paths and their control points lie: in a job's folder, or shipped."""

from explorer.base.collection import Collection
from explorer.base.language import later
from explorer.base.tensor_files import Layout, TensorFormat, all_finite
from explorer.paths.curves import BENDS
from explorer.paths.header import PathsHeader, listed
from explorer.paths.result import FILE, FORMAT, Paths

LANDSCAPE, RADIUS = "landscape.safetensors", "radius.safetensors"
CONTROL_POINT = "control_point.safetensors"


PATHS = Collection(
    noun=later("set of paths"),
    place="paths",
    file=FILE,
    read=listed(FORMAT),
    advice=later("Connect two solutions first."),
)
folder_of, find_paths = PATHS.folder_of, PATHS.find


def control_point_bytes(paths: Paths, pair: int) -> bytes:
    """Return a file of a pair's trained points: `control_point`, float32 (2 d_model,), [e; m].

    A curve with two bends has two rows. The JSON under `paths` says what it belongs to.
    """
    bends = paths.bends[pair]
    tensor = bends[0] if len(bends) == 1 else bends
    header = paths.header.model_copy(update={"pieces": {}, "pairs": [paths.header.pairs[pair]]})
    return POINT.pack(header, {"control_point": tensor})


def _bends(header: PathsHeader) -> Layout:
    count = BENDS[header.kind]
    return {"control_point": ("f4", ("vector",) if count == 1 else (count, "vector"))}


POINT = TensorFormat(
    noun=later("a control point"),
    key="paths",
    header=PathsHeader,
    layout=_bends,
    check=lambda _, tensors: (
        "" if all_finite(tensors, *tensors) else later("a point that is nowhere")
    ),
)
"""The trained points of one pair, with the header of its paths."""
