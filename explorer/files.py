"""Writing files so that nobody ever reads half of one."""

import contextlib
import uuid
from pathlib import Path

from explorer.errors import StorageError


def write_atomically(path: Path, data: bytes) -> Path:
    """Write `data` under a temporary name and rename it to `path`.

    Raises:
        StorageError: if the disk refuses; nothing half-written stays behind.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:6]}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        raise StorageError(
            f"{path.name} could not be written to {path.parent} ({error.strerror}). "
            "Free some space or set EXPLORER_CACHE to a folder you can write to."
        ) from error
    finally:
        with contextlib.suppress(OSError):  # it is there only if something went wrong
            temporary.unlink()
    return path
