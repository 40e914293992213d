"""One SQLite file for the catalogue of solutions and the queue of jobs.

WAL and a busy timeout let the web process, the worker and the command line use it side by side;
transactions are short. On file systems where WAL does not work a rollback journal takes its place.

A file made by an earlier version of the program is brought up to date when it is opened. Whoever
changes a table below adds the statement that does so to `MIGRATIONS`; a test compares the two.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import Engine, create_engine, inspect
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from explorer.base import folders
from explorer.base.errors import StorageError
from explorer.base.locks import NETWORK, LockFile

_engines: dict[Path, tuple[Engine, tuple[int, int] | None]] = {}
"""By path: an engine, and the file that its connections are to."""
_guard = threading.Lock()


class Base(DeclarativeBase):
    """Parent of all tables."""


class SolutionRow(Base):
    """One solution file. The file is the truth; this is its index entry."""

    __tablename__ = "solutions"

    id: Mapped[str] = mapped_column(primary_key=True)
    path: Mapped[str]
    made_from: Mapped[str] = mapped_column(index=True)
    job: Mapped[str | None] = mapped_column(index=True)
    record: Mapped[str]  # JSON of SolutionRecord
    length: Mapped[int]
    created: Mapped[str] = mapped_column(index=True)


class LabelRow(Base):
    """What a person calls an entry of the library; the files themselves are never changed."""

    __tablename__ = "labels"

    kind: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(default="")
    note: Mapped[str] = mapped_column(default="")
    tags: Mapped[str] = mapped_column(default="[]")  # JSON list


class JobRow(Base):
    """One request for work, from queued to done."""

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    spec: Mapped[str]  # JSON of a job spec
    state: Mapped[str] = mapped_column(index=True, default="queued")
    requested: Mapped[str] = mapped_column("wanted", default="run")
    fraction: Mapped[float] = mapped_column(default=0.0)
    sentence: Mapped[str] = mapped_column(default="Waiting for its turn.")
    error: Mapped[str | None] = mapped_column(default=None)
    notices: Mapped[str] = mapped_column(default="[]")
    result: Mapped[str] = mapped_column(default="{}")
    attempts: Mapped[int] = mapped_column(default=0)
    created: Mapped[float]
    updated: Mapped[float]
    finished: Mapped[float | None] = mapped_column(default=None)
    owner: Mapped[str | None] = mapped_column(default=None)  # see explorer.jobs.ownership
    lease: Mapped[float] = mapped_column(default=0.0)  # UNIX time at which its claim ends
    deaths: Mapped[int] = mapped_column(default=0)  # of workers during it, without progress
    mark: Mapped[float] = mapped_column(default=0.0)  # how often its owner has kept its state


class PersonRow(Base):
    """Somebody who uses the app; see explorer.people.person."""

    __tablename__ = "people"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(default="")


class OwnerRow(Base):
    """Whose a job is, or what came of it; see explorer.people.owners."""

    __tablename__ = "owners"

    id: Mapped[str] = mapped_column(primary_key=True)  # of a job, or the folder of a result
    person: Mapped[str | None] = mapped_column(index=True, default=None)
    hidden: Mapped[bool] = mapped_column(default=False)  # from the class page


class RequestRow(Base):
    """One small interactive question to the worker, answered between two training steps."""

    __tablename__ = "requests"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    kind: Mapped[str]
    payload: Mapped[str]
    answer: Mapped[str | None] = mapped_column(default=None)
    error: Mapped[str | None] = mapped_column(default=None)
    created: Mapped[float]
    owner: Mapped[str | None] = mapped_column(default=None)  # the worker that answers it


class WorkerRow(Base):
    """A worker's sign of life."""

    __tablename__ = "workers"

    device: Mapped[str] = mapped_column(primary_key=True)
    pid: Mapped[int]
    beat: Mapped[float]
    doing: Mapped[str] = mapped_column(default="")
    ready: Mapped[bool] = mapped_column(default=False)


MIGRATIONS: tuple[str, ...] = (
    "ALTER TABLE jobs ADD COLUMN owner VARCHAR",
    "ALTER TABLE jobs ADD COLUMN lease DOUBLE NOT NULL DEFAULT 0",
    "ALTER TABLE jobs ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE jobs ADD COLUMN mark DOUBLE NOT NULL DEFAULT 0",
    "ALTER TABLE requests ADD COLUMN owner VARCHAR",
    "CREATE TABLE people (id VARCHAR NOT NULL, name VARCHAR NOT NULL, PRIMARY KEY (id))",
    "CREATE TABLE owners (id VARCHAR NOT NULL, person VARCHAR, hidden BOOLEAN NOT NULL, "
    "PRIMARY KEY (id))",
    "CREATE INDEX ix_owners_person ON owners (person)",
)
"""SQL statements that lead from the first version's tables to those above, oldest first.

`PRAGMA user_version` counts how many of them a file has had; 0 is commit b423518. Never change one
that was given away, only append: a column as `ALTER TABLE jobs ADD COLUMN owner VARCHAR` (with
`NOT NULL DEFAULT …` where the class has a default), a table or an index as its `CREATE`.
"""


def _engine() -> Engine:
    path = folders.local() / "explorer.db"
    with _guard:
        if path in _engines and _engines[path][1] != _file_at(path):  # deleted, or a backup's
            _engines.pop(path)[0].dispose()
        if path not in _engines:
            folders.make(path.parent)
            engine = create_engine(f"sqlite:///{path}", creator=lambda: _connect(path))
            with LockFile(path.with_suffix(".lock")):
                _migrate(engine)
                _engines[path] = engine, _file_at(path)
        return _engines[path][0]


def _file_at(path: Path) -> tuple[int, int] | None:
    """Return which file lies at a path, whatever its name; None: there is none."""
    with suppress(FileNotFoundError):
        found = path.stat()
        return found.st_dev, found.st_ino
    return None


def _migrate(engine: Engine) -> None:
    """Make the tables, or change those of an earlier version, in one transaction.

    Raises:
        StorageError: if a later version of the program has changed them; the file stays as it is.
    """
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # else SQLite commits every statement
        version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        if version > len(MIGRATIONS):
            raise StorageError(
                f"The catalog in {folders.local()} was made by a later version of this program "
                f"({version}; this one knows {len(MIGRATIONS)}), so it is left as it is. "
                "Install that version, or set EXPLORER_CACHE to another folder."
            )
        if inspect(connection).get_table_names():
            for statement in MIGRATIONS[version:]:
                connection.exec_driver_sql(statement)
        else:
            Base.metadata.create_all(connection)
        connection.exec_driver_sql(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.commit()


def _connect(path: Path) -> sqlite3.Connection:
    """Open the file in WAL mode if it is new, else in the mode it has, if that can be used here.

    WAL needs memory that all processes share, which network file systems do not give: there
    SQLite fails (with "locking protocol", say) or stays with its rollback journal. A catalogue
    in WAL mode that was moved there is turned back while its connection has it alone, which
    needs no shared memory; so nothing of it is lost.
    """
    connection = sqlite3.connect(path, timeout=15, check_same_thread=False)
    try:
        try:
            if not connection.execute("SELECT name FROM sqlite_master LIMIT 1").fetchall():
                connection.execute("PRAGMA journal_mode=WAL")
            (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                raise
            for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=DELETE", "locking_mode=NORMAL"):
                (mode,) = connection.execute(f"PRAGMA {pragma}").fetchone()
        if mode == "wal":  # as safe there; a rollback journal needs the default, FULL
            connection.execute("PRAGMA synchronous=NORMAL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@contextmanager
def transaction() -> Iterator[Session]:
    """Give a session; commit when the block ends well, roll back when it raises.

    Raises:
        StorageError: if the database cannot be opened, read or written.
    """
    try:
        with Session(_engine(), expire_on_commit=False) as session, session.begin():
            yield session
    except (DatabaseError, OSError) as error:
        reason = error.orig if isinstance(error, DatabaseError) else error.strerror
        remedy = "Check that the disk has room and the folder is writable, or set EXPLORER_CACHE."
        if str(reason) in ("locking protocol", "disk I/O error"):
            remedy = NETWORK
        raise StorageError(
            f"The catalog in {folders.local()} cannot be used ({reason}). {remedy}"
        ) from error
