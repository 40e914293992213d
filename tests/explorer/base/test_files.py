import errno
import io
import shutil
from pathlib import Path

import pandas as pd
import pytest

from explorer.base.errors import StorageError
from explorer.base.files import csv_of, files_below, write_atomically


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


def test_a_folder_that_goes_while_it_is_listed_is_passed_over(tmp_path: Path) -> None:
    """As pip's do, and jobs': `Path.rglob` raises there."""
    for name in "abc":
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / f"{name}.txt").touch()
    assert len(list(files_below(tmp_path, "*.txt"))) == 3
    assert list(files_below(tmp_path, "b*")) == [tmp_path / "b" / "deep" / "b.txt"]
    listed = files_below(tmp_path)
    first = next(listed)
    for name in "abc":
        if name != first.stem:
            shutil.rmtree(tmp_path / name)
    assert list(listed) == []
    assert list(files_below(tmp_path / "nowhere")) == []


def test_a_table_comes_back_from_csv_whole_with_every_kind_of_line_end() -> None:
    table = pd.DataFrame({"says": ["a\rb", "\r", "a\nb", "\r\n", 'a,"b"'], "n": range(5)})
    again = pd.read_csv(io.BytesIO(csv_of(table)))
    pd.testing.assert_frame_equal(again, table)
