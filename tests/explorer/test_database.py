import sqlite3
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import select, text

from explorer import database, folders
from explorer.database import RequestRow, WorkerRow, transaction
from explorer.errors import StorageError


def _worker(device: str, pid: int = 1) -> WorkerRow:
    return WorkerRow(device=device, pid=pid, beat=0.0)


def _devices() -> list[str]:
    with transaction() as session:
        return sorted(row.device for row in session.scalars(select(WorkerRow)))


def test_what_is_written_stays() -> None:
    with transaction() as session:
        session.add(_worker("cpu"))
    assert _devices() == ["cpu"]
    assert (folders.local() / "explorer.db").is_file()


def test_an_error_undoes_the_whole_block() -> None:
    with pytest.raises(ZeroDivisionError), transaction() as session:
        session.add(_worker("cpu"))
        session.flush()
        raise ZeroDivisionError
    assert _devices() == []


def test_rows_can_be_read_after_the_block() -> None:
    with transaction() as session:
        row = _worker("cpu", pid=42)
        session.add(row)
    assert (row.device, row.pid, row.ready, row.doing) == ("cpu", 42, False, "")


def test_processes_may_read_while_one_writes() -> None:
    with transaction() as session:
        assert session.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert session.execute(text("PRAGMA busy_timeout")).scalar() >= 5000
        session.add(_worker("cpu"))
        session.flush()
        with sqlite3.connect(folders.local() / "explorer.db") as other:
            assert other.execute("SELECT count(*) FROM workers").fetchone() == (0,)
        other.close()


def test_a_writer_waits_for_its_turn() -> None:
    assert _devices() == []
    other = sqlite3.connect(folders.local() / "explorer.db", check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    other.execute("INSERT INTO workers VALUES ('cuda', 7, 0, '', 0)")
    timer = threading.Timer(0.3, other.commit)
    timer.start()
    start = time.monotonic()
    with transaction() as session:
        session.add(_worker("cpu"))
    assert time.monotonic() - start > 0.2
    timer.join()
    other.close()
    assert _devices() == ["cpu", "cuda"]


def test_many_threads_lose_nothing() -> None:
    def ask(name: str) -> None:
        for _ in range(10):
            with transaction() as session:
                session.add(RequestRow(kind=name, payload="{}", created=0.0))

    threads = [threading.Thread(target=ask, args=(str(k),)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with transaction() as session:
        rows = list(session.scalars(select(RequestRow)))
    assert len({row.id for row in rows}) == 60
    assert all(sum(row.kind == str(k) for row in rows) == 10 for k in range(6))


def test_every_cache_has_its_own_catalogue(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with transaction() as session:
        session.add(_worker("cpu"))
    monkeypatch.setenv("EXPLORER_CACHE", str(tmp_path / "elsewhere"))
    assert _devices() == []


def test_a_file_that_is_no_database_is_said(own_cache: Path) -> None:
    own_cache.mkdir()
    (own_cache / "explorer.db").write_bytes(b"this is a text, not a database. " * 40)
    with pytest.raises(StorageError, match="catalogue"), transaction() as session:
        session.add(_worker("cpu"))


def test_a_folder_that_cannot_be_made_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EXPLORER_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(StorageError, match="EXPLORER_CACHE"), transaction() as session:
        session.add(_worker("cpu"))


def test_a_catalogue_that_was_deleted_is_made_again() -> None:
    with transaction() as session:
        session.add(_worker("cpu"))
    for file in folders.local().glob("explorer.db*"):
        file.unlink()
    assert _devices() == []
    with transaction() as session:
        session.add(_worker("cuda"))
    assert _devices() == ["cuda"]


def test_no_connection_is_open_before_it_is_needed() -> None:
    assert folders.local() / "explorer.db" not in database._engines
    assert not folders.local().exists()
