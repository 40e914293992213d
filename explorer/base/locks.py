"""File locks that say in a sentence what is wrong with them."""

import errno
from typing import Any

from filelock import AcquireReturnProxy, FileLock, Timeout

from explorer.base.errors import StorageError

NETWORK = (
    "A network file system (NFS, Lustre) may not have the locks that are needed: "
    "set EXPLORER_CACHE to a folder on a disk of this machine."
)


class LockFile(FileLock):
    """A file lock that says in a sentence when its file cannot be used.

    Where the file system has no such call (Lustre without `flock`) filelock takes a file that
    exists for a lock that is held; where it has one that fails (NFS without a lock server) it
    raises, and the sentence names the cause.
    """

    def acquire(self, *args: Any, **options: Any) -> AcquireReturnProxy[Any]:
        """Take the lock as `FileLock` does.

        Raises:
            Timeout: if somebody else holds it for too long.
            StorageError: if the file cannot be opened, because it is a folder, say, or not locked.
        """
        try:
            return super().acquire(*args, **options)
        except Timeout:
            raise
        except OSError as error:
            remedy = "Remove it, or set EXPLORER_CACHE to a folder you can write to."
            if error.errno in (errno.ENOLCK, errno.ENOTSUP):
                remedy = NETWORK
            raise StorageError(
                f"The lock {self.lock_file} cannot be used ({error.strerror}). {remedy}"
            ) from error
