"""Where sets of paths, landscapes and radii lie: in a job's folder, or shipped with the project."""

from pathlib import Path

from explorer.base import folders
from explorer.base.errors import BadInputError
from explorer.base.files import write_atomically
from explorer.base.tensor_files import Layout, TensorFormat, all_finite
from explorer.paths.curves import BENDS
from explorer.paths.header import PathsHeader
from explorer.paths.result import FILE, Paths

LANDSCAPE, RADIUS = "landscape.safetensors", "radius.safetensors"
CONTROL_POINT = "control_point.safetensors"


def folder_of(job: str) -> Path:
    """Return the folder of one job's paths, landscape or radii."""
    return folders.local() / "paths" / job


def shipped(kind: str, file: str) -> list[Path]:
    """Return the results of one kind that ship with the project.

    Args:
        kind: the folder below cache/recorded/, `paths` or `landscape`.
        file: how the results end.
    """
    folder = folders.recorded() / kind
    return sorted(folder.rglob(f"*{file}")) if folder.is_dir() else []


def all_paths() -> list[Path]:
    """Return the sets of paths of this machine's jobs, newest first, then those that ship."""
    own = (folders.local() / "paths").glob(f"*/{FILE}")
    newest = sorted(own, key=lambda file: file.stat().st_mtime, reverse=True)
    return newest + shipped("paths", FILE)


def find_paths(name: str) -> Path:
    """Return a set of paths by its file, the id of its job, or its name among those that ship.

    Raises:
        BadInputError: if there is none.
    """
    path = folders.given(name)
    own = folder_of(name) / FILE if name.isalnum() else None
    if own is not None and own.is_file():
        return own
    for recorded in shipped("paths", FILE):
        if recorded.parent.name == name:
            return recorded
    if path.is_file():
        return path
    if path.suffix or "/" in name:
        raise BadInputError(f"There is no file {name}. Check its path.")
    raise BadInputError(
        f"There are no paths “{name[-60:]}” on this machine. Connect two solutions first."
    )


def save_control_point(paths: Paths, pair: int, path: Path) -> Path:
    """Write a pair's trained points: tensor `control_point`, float32 (2 d_model,), [e; m].

    A curve with two bends has two rows. The JSON under `paths` says what it belongs to.

    Raises:
        StorageError: if the disk refuses.
    """
    return write_atomically(path, control_point_bytes(paths, pair))


def control_point_bytes(paths: Paths, pair: int) -> bytes:
    """Return the content of such a file."""
    bends = paths.bends[pair]
    tensor = bends[0] if len(bends) == 1 else bends
    header = paths.header.model_copy(update={"pieces": {}, "pairs": [paths.header.pairs[pair]]})
    return POINT.pack(header, {"control_point": tensor})


def _bends(header: PathsHeader) -> Layout:
    count = BENDS[header.kind]
    return {"control_point": ("f4", ("vector",) if count == 1 else (count, "vector"))}


POINT = TensorFormat(
    noun="a control point",
    key="paths",
    header=PathsHeader,
    layout=_bends,
    check=lambda _, tensors: "" if all_finite(tensors, *tensors) else "a point that is nowhere",
)
"""The trained points of one pair, with the header of its paths."""
