import errno
import fcntl
from pathlib import Path

import pytest
from filelock import Timeout

from explorer.errors import StorageError
from explorer.files import LockFile, write_atomically


def test_data_is_written_and_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    assert write_atomically(path, b"first") == path
    write_atomically(path, b"second")
    assert path.read_bytes() == b"second"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("below", ["name", "folder/name", "a/b/c"])
def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageError, match="EXPLORER_CACHE"):
        write_atomically(tmp_path / "file" / below, b"data")
    assert (tmp_path / "file").read_text() == "not a folder"


def test_a_name_that_is_too_long_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="could not be written"):
        write_atomically(tmp_path / ("a" * 300), b"data")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_and_the_old_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_atomically(tmp_path / "kept", b"old")

    def half(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(StorageError, match=r"kept could not be written.*No space left"):
        write_atomically(path, b"new data")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_rename_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    with pytest.raises(StorageError, match="taken could not be written"):
        write_atomically(tmp_path / "taken", b"data")
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


def test_an_interrupted_write_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "s", b"data")
    assert list(tmp_path.iterdir()) == []


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
