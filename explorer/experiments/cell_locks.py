"""Who works on what others want too: a cell of a run, or a whole set. Free of torch.

Several processes, one for each device, and several jobs of one process can work on the same run. A
claim is a file lock. It ends with the process that holds it, so a cell whose device died is free
again. Whoever finds no claim free waits without keeping anybody else waiting.
"""

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

from filelock import FileLock, Timeout

from explorer.base import folders
from explorer.base.locks import LockFile
from explorer.base.progress import Progress, Waiting

WAIT_SECONDS = 1.0
"""How often one that waits looks again whether there is something to do."""
FOLDER = "claims"
"""Below the cache's local part, so that nothing of it is in a run's folder, which is exported."""


def first_free(run: str, parts: Sequence[str]) -> tuple[str, AbstractContextManager[object]] | None:
    """Claim the first part that nobody is at; None if somebody is at each of them.

    Args:
        run: id of the run or set.
        parts: names of those that are left.

    Returns:
        The part, and its claim, which holds until the context ends.

    Raises:
        StorageError: if the disk refuses.
    """
    for part in parts:
        try:
            return part, lock(run, part).acquire(timeout=0)
        except Timeout:
            continue
    return None


def lock(run: str, of: str) -> FileLock:
    """Return the lock of one thing of a run, which nobody holds yet.

    Raises:
        StorageError: if the disk refuses.
    """
    name = hashlib.sha256(of.encode()).hexdigest()[:16]
    return LockFile(folders.make(folders.local() / FOLDER / run) / f"{name}.lock")


def rest(progress: Progress) -> Iterator[Waiting]:
    """Say for a second, as often as somebody asks, that there is nothing to do."""
    again = time.monotonic() + WAIT_SECONDS
    yield Waiting(progress.sentence, progress.fraction)
    while time.monotonic() < again:
        yield Waiting(progress.sentence, progress.fraction)
