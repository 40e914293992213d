"""A model's fingerprint: SHA-256 over the names, shapes and stored bytes of its weights.

It does not depend on the number format the model runs in, nor on how its files are sharded.
"""

import contextlib
import hashlib
import json
import mmap
from pathlib import Path

from explorer.assets.model_files import weight_files
from explorer.base import folders
from explorer.base.errors import ModelError, StorageError
from explorer.base.files import write_atomically
from explorer.base.language import tr


def fingerprint(folder: Path) -> str:
    """Return the SHA-256 of a model folder's safetensors weights, 64 hexadecimal digits.

    The result is kept beside the models (under file name, size and modification time), so that
    large weights are hashed once.

    Raises:
        ModelError: if the folder has no readable safetensors weights.
    """
    files = _weights(folder)
    if not files:
        raise ModelError(tr("{folder} holds no safetensors weights.", folder=folder))
    return _hashed(folder, files)


def matches(folder: Path, recorded: str) -> bool:
    """Return whether a recorded fingerprint is that of a model folder's weights.

    Earlier versions took that of every safetensors file in the folder, of what the model does not
    load as well; it is still recognised.

    Raises:
        ModelError: as `fingerprint`.
    """
    if fingerprint(folder) == recorded:
        return True
    everything = sorted(folder.glob("*.safetensors"))
    return everything != _weights(folder) and _hashed(folder, everything) == recorded


def known(folder: Path) -> str | None:
    """Return the fingerprint if these weights were hashed before, None if not: hashes nothing."""
    with contextlib.suppress(OSError):
        if files := _weights(folder):
            return _kept(folder, files).read_text()
    return None


def _weights(folder: Path) -> list[Path]:
    """Return the files that transformers loads; what lies beside them is not the model."""
    try:
        return weight_files(folder)
    except ModelError:
        return sorted(folder.glob("*.safetensors"))


def _hashed(folder: Path, files: list[Path]) -> str:
    """Return the fingerprint of some files, kept or taken now."""
    kept = _kept(folder, files)
    if kept.is_file():
        return kept.read_text()
    value = _hash_weights(files)
    with contextlib.suppress(StorageError):  # only a convenience: hash again next time
        write_atomically(kept, value.encode())
    return value


def _kept(folder: Path, files: list[Path]) -> Path:
    stamps = [(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in files]
    key = hashlib.sha256(json.dumps([str(folder.resolve()), stamps]).encode()).hexdigest()[:24]
    return folders.local() / "fingerprints" / key


def _hash_weights(files: list[Path]) -> str:
    spans: dict[str, tuple[Path, list[int], int, int]] = {}
    try:
        for path in files:
            with path.open("rb") as file:
                size = int.from_bytes(file.read(8), "little")
                header = json.loads(file.read(size))
            for name, entry in header.items():
                if name != "__metadata__":
                    start, stop = entry["data_offsets"]
                    spans[name] = (path, entry["shape"], 8 + size + start, 8 + size + stop)
    except Exception as error:  # a damaged header can be anything
        raise ModelError(
            tr("The weights in {name} cannot be read; fetch them again.", name=path.name)
        ) from error
    digest = hashlib.sha256()
    opened: dict[Path, mmap.mmap] = {}
    for name in sorted(spans):
        path, shape, start, stop = spans[name]
        if path not in opened:
            with path.open("rb") as file:
                opened[path] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if stop > len(opened[path]):
            raise ModelError(
                tr("The weights in {name} are cut short; fetch them again.", name=path.name)
            )
        digest.update(json.dumps([name, shape]).encode())
        with memoryview(opened[path]) as view:
            digest.update(view[start:stop])
    return digest.hexdigest()
