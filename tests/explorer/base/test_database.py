import shutil
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any, ClassVar

import pytest
from sqlalchemy import select, text

from explorer.base import database, folders
from explorer.base.database import Base, LabelRow, RequestRow, SolutionRow, WorkerRow, transaction
from explorer.base.errors import StorageError
from explorer.jobs import client
from explorer.specs.jobs import DownloadSpec


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
    with pytest.raises(StorageError, match="catalog"), transaction() as session:
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


def test_a_catalogue_that_another_process_has_put_in_its_place_is_opened(tmp_path: Path) -> None:
    with transaction() as session:
        session.add(_worker("cpu"))
    file, other = folders.local() / "explorer.db", tmp_path / "backup.db"
    with sqlite3.connect(file) as source, sqlite3.connect(other) as backup:
        source.backup(backup)
        backup.execute("UPDATE workers SET device = 'cuda'")
    source.close()
    backup.close()
    for old in folders.local().glob("explorer.db*"):
        old.unlink()
    other.rename(file)
    assert _devices() == ["cuda"]
    with transaction() as session:
        session.add(_worker("mps"))
    with sqlite3.connect(file) as again:
        assert again.execute("SELECT count(*) FROM workers").fetchone() == (2,)
    again.close()


def test_no_connection_is_open_before_it_is_needed() -> None:
    assert folders.local() / "explorer.db" not in database._engines
    assert not folders.local().exists()


OLD = Path(__file__).parents[2] / "data" / "catalogue_b423518.sql"
"""What `sqlite3 explorer.db .dump` said of a catalogue of commit b423518, rows in every table."""


def _old_catalogue() -> sqlite3.Connection:
    """Put the catalogue of b423518 into this test's cache and return a connection to it."""
    connection = sqlite3.connect(folders.make(folders.local()) / "explorer.db")
    connection.executescript("PRAGMA journal_mode=WAL;" + OLD.read_text())
    return connection


def _columns(connection: sqlite3.Connection) -> dict[str, set[tuple[object, ...]]]:
    """Return name, type, NOT NULL and place in the primary key of each table's columns."""
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return {
        name: {
            (column, kind, required, key)
            for _, column, kind, required, _default, key in connection.execute(
                f"PRAGMA table_info({name})"
            )
        }
        for (name,) in names
    }


def _indices(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    return set(connection.execute(query))


def _rows(connection: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    tables = sorted(_columns(connection))
    return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables}


def test_the_catalogue_of_b423518_opens_with_all_its_rows() -> None:
    with _old_catalogue() as old:
        before = _rows(old)
        assert sorted(before) == ["jobs", "labels", "requests", "solutions", "workers"]
        assert all(before.values())
    with transaction() as session:
        solution = session.get(SolutionRow, "0011223344ff-abcdef01")
        assert solution is not None and solution.length == 3 and solution.job == "run1"
        assert session.scalars(select(LabelRow.name)).all() == ["the first"]
    done, waiting = client.get("5f0c3a91be"), client.get("77aa01cc2d")
    assert (done.state, done.result) == ("done", {"path": "models/some"})
    assert (waiting.state, waiting.notices) == ("queued", ["A notice."])
    new = client.submit(DownloadSpec(model="a/b"))
    assert [job.id for job in client.jobs()] == [new, waiting.id, done.id]


def test_whoever_changes_a_table_adds_a_migration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def opened() -> sqlite3.Connection:
        with transaction():
            pass
        return sqlite3.connect(folders.local() / "explorer.db")

    _old_catalogue().close()
    old = opened()
    monkeypatch.setenv("EXPLORER_CACHE", str(tmp_path / "fresh"))
    fresh = opened()
    assert _columns(old) == _columns(fresh)
    assert _indices(old) == _indices(fresh)
    for connection in (old, fresh):
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        assert version == len(database.MIGRATIONS)


def test_a_row_of_b423518_needs_no_column_that_was_added_since() -> None:
    with _old_catalogue() as old:
        tables = {
            name: [column for _, column, *_ in old.execute(f"PRAGMA table_info({name})")]
            for name in _columns(old)
        }
        kept = _rows(old)
    with transaction() as session:
        for mapper in Base.registry.mappers:
            name = mapper.local_table.name
            for row in kept.get(name, []):
                said = dict(zip(tables[name], row, strict=True))
                table = mapper.local_table
                by_name = {
                    mapper.get_property_by_column(table.c[k]).key: v for k, v in said.items()
                }
                session.merge(mapper.class_(**by_name))


def test_a_new_column_reaches_old_rows_in_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    known = len(database.MIGRATIONS)
    add = "ALTER TABLE jobs ADD COLUMN extra INTEGER NOT NULL DEFAULT 7"
    monkeypatch.setattr(database, "MIGRATIONS", (*database.MIGRATIONS, add))
    old = _old_catalogue()
    with transaction() as session:
        assert session.execute(text("SELECT extra FROM jobs")).scalars().all() == [7, 7]
    assert old.execute("PRAGMA user_version").fetchone() == (known + 1,)
    database._engines.pop(folders.local() / "explorer.db")[0].dispose()
    with transaction() as session:  # opened again: not added twice
        assert session.execute(text("SELECT count(*) FROM jobs")).scalar() == 2


def test_a_migration_that_fails_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    statements = ("ALTER TABLE jobs ADD COLUMN extra INTEGER", "ALTER TABLE nowhere ADD COLUMN x")
    old = _old_catalogue()
    before = _columns(old), _rows(old)
    monkeypatch.setattr(database, "MIGRATIONS", (*database.MIGRATIONS, *statements))
    with pytest.raises(StorageError, match="no such table: nowhere"), transaction():
        pass
    assert (_columns(old), _rows(old)) == before
    assert old.execute("PRAGMA user_version").fetchone() == (0,)


def test_a_catalogue_of_a_later_version_is_refused_and_kept() -> None:
    later = _old_catalogue()
    later.execute("ALTER TABLE jobs ADD COLUMN later VARCHAR")
    later.execute(f"PRAGMA user_version = {len(database.MIGRATIONS) + 1}")
    before = _columns(later), _rows(later)
    with pytest.raises(StorageError, match=r"later version of this program.*Install that version"):
        client.submit(DownloadSpec(model="a/b"))
    assert (_columns(later), _rows(later)) == before


def _without_shared_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let SQLite use files as it does where there is no shared memory: through another VFS."""
    plain = sqlite3.connect

    def connect(path: Path, **options: Any) -> sqlite3.Connection:
        return plain(f"file:{path}?vfs=unix-dotfile", uri=True, **options)

    monkeypatch.setattr(sqlite3, "connect", connect)


def _modes() -> tuple[str, int]:
    with transaction() as session:
        journal = session.execute(text("PRAGMA journal_mode")).scalar_one()
        return journal, session.execute(text("PRAGMA synchronous")).scalar_one()


def test_a_journal_is_kept_where_wal_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    _without_shared_memory(monkeypatch)
    with transaction() as session:
        session.add(_worker("cpu"))
    assert _devices() == ["cpu"]
    assert _modes() == ("delete", 2)  # FULL


def test_a_catalogue_in_wal_mode_survives_the_move_to_a_network_file_system(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = _old_catalogue()  # open, so that the newest rows are in the log alone
    moved = folders.make(tmp_path / "network")
    for name in ("explorer.db", "explorer.db-wal"):
        shutil.copy(folders.local() / name, moved)
    assert (moved / "explorer.db-wal").stat().st_size > 10_000
    _without_shared_memory(monkeypatch)
    monkeypatch.setenv("EXPLORER_CACHE", str(moved))
    assert _modes() == ("delete", 2)
    with transaction() as session:
        for name, rows in _rows(old).items():
            found = session.execute(text(f"SELECT count(*) FROM {name}")).scalar()
            assert found == len(rows)
    assert client.get("77aa01cc2d").state == "queued"


class _Network(sqlite3.Connection):
    """Says what SQLite says of WAL on NFS, for one statement or for all that touch the file."""

    code = "SQLITE_PROTOCOL"
    refused = "PRAGMA journal_mode=WAL"
    asked: ClassVar[list[str]] = []

    def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
        self.asked.append(sql)
        if self.refused in sql:
            error = sqlite3.OperationalError("locking protocol")
            error.sqlite_errorname = self.code
            raise error
        return super().execute(sql, *arguments)


def _network(monkeypatch: pytest.MonkeyPatch, **attributes: str) -> list[str]:
    asked: ClassVar[list[str]] = []
    kind = type("Network", (_Network,), {"asked": asked, **attributes})
    plain = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, **o: plain(path, factory=kind, **o))
    return asked


def test_locking_protocol_leads_to_a_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _network(monkeypatch)
    with transaction() as session:
        session.add(_worker("cpu"))
    assert _devices() == ["cpu"] and _modes() == ("delete", 2)
    database._engines.pop(folders.local() / "explorer.db")[0].dispose()
    assert _devices() == ["cpu"]  # the next process
    assert asked.count("PRAGMA journal_mode=WAL") == 1  # it takes ten seconds to be refused


def test_a_network_file_system_without_locks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _network(monkeypatch, refused="")
    with pytest.raises(StorageError, match=r"\(locking protocol\).*NFS, Lustre.*EXPLORER_CACHE"):
        _devices()


def test_a_file_that_is_busy_is_not_taken_from_others(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = _network(monkeypatch, code="SQLITE_BUSY")
    with pytest.raises(StorageError, match="cannot be used"):
        _devices()
    assert not any("EXCLUSIVE" in sql for sql in asked)
