"""A lock that cannot be taken says why, also on network file systems."""

import errno
import fcntl
from pathlib import Path

import pytest
from filelock import Timeout

from explorer.base.errors import StorageError
from explorer.base.locks import LockFile


def _flock_fails(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def flock(*_: object) -> None:
        raise OSError(number, errno.errorcode[number])

    monkeypatch.setattr(fcntl, "flock", flock)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_network_file_system_that_refuses_locks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    _flock_fails(monkeypatch, number)
    with pytest.raises(StorageError, match=r"cannot be used .*NFS, Lustre.*disk of this machine"):
        LockFile(tmp_path / "x.lock").acquire(timeout=0)


@pytest.mark.filterwarnings("ignore:.*flock.*")
def test_where_locks_are_unknown_a_file_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _flock_fails(monkeypatch, errno.ENOSYS)
    with LockFile(tmp_path / "x.lock").acquire(timeout=0), pytest.raises(Timeout):
        LockFile(tmp_path / "x.lock").acquire(timeout=0)
    with LockFile(tmp_path / "x.lock").acquire(timeout=0) as again:
        assert again.is_locked
