"""One SQLite file for the catalogue of solutions and the queue of jobs.

WAL and a busy timeout let the web process, the worker and the command line use it side by side;
transactions are short.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from explorer import folders
from explorer.errors import StorageError

_engines: dict[Path, Engine] = {}
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
    wanted: Mapped[str] = mapped_column(default="run")
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
    mark: Mapped[float] = mapped_column(default=0.0)  # fraction from which they are counted


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


def _engine() -> Engine:
    path = folders.local() / "explorer.db"
    with _guard:
        if path in _engines and not path.exists():
            _engines.pop(path).dispose()
        if path not in _engines:
            folders.make(path.parent)
            engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 15})
            event.listen(engine, "connect", _set_up_connection)
            with FileLock(path.with_suffix(".lock")):  # create_all looks first, then creates
                Base.metadata.create_all(engine)
            _engines[path] = engine
        return _engines[path]


def _set_up_connection(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA busy_timeout=15000")
    cursor.close()


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
        raise StorageError(
            f"The catalogue in {folders.local()} cannot be used ({reason}). "
            "Check that the disk has room and the folder is writable, or set EXPLORER_CACHE."
        ) from error
