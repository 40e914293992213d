"""Who measures which cell: several processes, one for each device, can work on the same run.

A claim is a file lock. It ends with the process that holds it, so a cell whose
device died is free again. Free of torch.
"""

import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager

from filelock import FileLock, Timeout

from explorer import folders
from explorer.experiments.runs import Cell

FOLDER = "claims"
"""Below the cache's local part, so that nothing of it is in a run's folder, which is exported."""


def first_free(
    run: str, cells: Sequence[Cell]
) -> tuple[Cell, AbstractContextManager[object]] | None:
    """Claim the first cell that nobody measures; None if somebody is at each of them.

    Args:
        run: the run's id.
        cells: those that are left.

    Returns:
        The cell, and its claim, which holds until the context ends.

    Raises:
        StorageError: if the disk refuses.
    """
    for cell in cells:
        try:
            return cell, lock(run, cell.key).acquire(timeout=0)
        except Timeout:
            continue
    return None


def lock(run: str, of: str) -> FileLock:
    """Return the lock of one thing of a run, which nobody holds yet.

    Raises:
        StorageError: if the disk refuses.
    """
    name = hashlib.sha256(of.encode()).hexdigest()[:16]
    return FileLock(folders.make(folders.local() / FOLDER / run) / f"{name}.lock")
