"""Where things lie on the disk."""

import contextlib
import os
from functools import lru_cache
from pathlib import Path

from platformdirs import user_data_path

from explorer.base.errors import BadInputError, StorageError, disk_errors
from explorer.base.language import tr

PROJECT = Path(__file__).resolve().parents[2]
"""The folder that `explorer` lies in: a clone, or where packages are installed."""
INSTALLED = PROJECT / "proto_tokens_app"
"""What an installed package has beside `explorer`, in place of a clone (pyproject.toml)."""


def app() -> Path:
    """Return the folder of `app.py`, its pages and the recorded results (read only)."""
    return INSTALLED if INSTALLED.is_dir() else PROJECT


def recorded() -> Path:
    """Return the folder of recorded results that ship with the project (read only)."""
    return app() / "cache" / "recorded"


def local() -> Path:
    """Return the folder made at run time: models, texts, solutions, jobs.

    In a clone `cache/local`; of an installed package the user's folder for data, since packages
    are replaced as a whole. `EXPLORER_CACHE` moves it.

    Raises:
        StorageError: if that cannot be the name of a folder.
    """
    moved = os.environ.get("EXPLORER_CACHE")
    try:
        if moved:
            return _resolved(moved) if moved[0] == "/" else Path(moved).expanduser().resolve()
        if INSTALLED.is_dir():
            return user_data_path("proto-tokens", appauthor=False)
        return PROJECT / "cache" / "local"
    except (OSError, RuntimeError) as error:  # an unknown ~user, or links that go in circles
        raise StorageError(
            tr("EXPLORER_CACHE names no folder that there can be. Set it to one you can write to.")
        ) from error


@lru_cache(maxsize=8)
def _resolved(named: str) -> Path:
    """Return a folder by its real path, looked up once: pages ask for it dozens of times."""
    return Path(named).resolve()


def given(name: str | Path) -> Path:
    """Return the path that a person named, its home folder written out; nothing need be there.

    Raises:
        BadInputError: if there can be no file of that name, or the disk refuses to say.
    """
    try:
        path = Path(name).expanduser()
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.stat()
    except (OSError, ValueError, RuntimeError) as error:  # too long, a NUL, an unknown ~user
        reason = f" ({error.strerror})" if isinstance(error, OSError) else ""
        raise BadInputError(
            tr(
                "“{name}” cannot be used as a path{reason}. Check how it is written.",
                name=str(name)[:60],
                reason=reason,
            )
        ) from error
    return path


def make(folder: Path) -> Path:
    """Create `folder` with its parents and return it.

    Raises:
        StorageError: if the disk refuses.
    """
    with disk_errors(tr("The folder {folder} cannot be created", folder=folder)):
        folder.mkdir(parents=True, exist_ok=True)
    return folder
