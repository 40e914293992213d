"""Where things lie on the disk."""

import os
from pathlib import Path

from explorer.errors import BadInputError, StorageError

PROJECT = Path(__file__).resolve().parent.parent


def recorded() -> Path:
    """Return the folder of recorded results that ship with the project (read only)."""
    return PROJECT / "cache" / "recorded"


def local() -> Path:
    """Return the folder made at run time: models, texts, solutions, jobs.

    `EXPLORER_CACHE` moves it.
    """
    moved = os.environ.get("EXPLORER_CACHE")
    return Path(moved).expanduser().resolve() if moved else PROJECT / "cache" / "local"


def make(folder: Path) -> Path:
    """Create `folder` with its parents and return it.

    Raises:
        StorageError: if the disk refuses.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"The folder {folder} cannot be created ({error.strerror}). "
            "Set EXPLORER_CACHE to a folder you can write to."
        ) from error
    return folder


def make_for(out: Path) -> Path:
    """Create the folder that a person named for results, and return it.

    Raises:
        BadInputError: if it cannot be.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInputError(
            f"The folder {out} cannot be created ({error.strerror}). Name another one with --out."
        ) from error
    return out
