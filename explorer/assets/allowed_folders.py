"""Which paths of this disk a person on another machine may name.

None, unless whoever starts the server allows folders: `EXPLORER_ROOTS`, several with the system's
separator (`:`, on Windows `;`). What is refused is refused alike, whether it is there or not.
"""

import os
import re
from pathlib import Path

from explorer.assets import catalog
from explorer.base import folders
from explorer.base.errors import BadInputError, ExplorerError
from explorer.base.language import later, tr
from explorer.specs.jobs import JobSpec, names_in

_ID = re.compile(r"[0-9A-Za-z_-]{1,80}")


def allowed() -> tuple[Path, ...]:
    """Return the folders that whoever started the server allows, links followed."""
    named = os.environ.get("EXPLORER_ROOTS", "").split(os.pathsep)
    return tuple(folders.given(name).resolve() for name in named if name)


def allows(name: str | Path) -> bool:
    """Return whether a path lies, all links followed, in a folder that is allowed."""
    try:
        path = folders.given(name).resolve()
        return any(path.is_relative_to(root) for root in allowed())
    except (ExplorerError, OSError, RuntimeError):  # links that go in circles
        return False


def in_model(name: str) -> str | None:
    """Return a model's name if it is a path."""
    return name if catalog.is_path(name) else None


def in_id(name: str) -> str | None:
    """Return what should be the id of a solution, a set, a job or a record if it may be a path."""
    return None if _ID.fullmatch(name) else name


def paths_in(spec: JobSpec) -> list[str]:
    """Return every path that a job is asked to read, the specs within it included."""
    found = (
        name if kind == "path" else in_model(name) if kind == "model" else in_id(name)
        for kind, name in names_in(spec)
    )
    return [path for path in found if path is not None]


def require(*names: str | None) -> None:
    """Make sure that every path among names lies in a folder that is allowed.

    Args:
        *names: paths; None is none.

    Raises:
        BadInputError: if one does not; the sentence is the same whether it is there or not.
    """
    if not all(allows(name) for name in names if name is not None):
        raise BadInputError(tr(NO_PATHS))


NO_PATHS = later(
    "This server is open to other machines, so files are not read from its disk by their path, "
    "except in folders that whoever started it allows (EXPLORER_ROOTS). Upload the text under "
    "“Own text”, or start the explorer on your own machine."
)
