"""The log: who started what, how long it took, what failed; never what somebody's text says.

One file for each role of a process, `logs/ROLE.log` in the cache folder (worker, web, command),
kept to a few megabytes. `EXPLORER_LOG` sets its level: debug, info (as without it), warning, error
or off. Several processes may have one role, and all write to its file. Free of torch.
"""

import contextlib
import json
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import FileLock

from explorer import __version__
from explorer.base import folders
from explorer.base.errors import ExplorerError, MissingAssetError, ModelError, StorageError

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "off": logging.CRITICAL + 1,
}
MOST_BYTES, BACKUPS = 1_000_000, 3
FACTS = (
    "kind", "model", "length", "restarts", "contexts", "continuations", "regime", "set", "sets",
    "method", "preset", "experiment",
)  # fmt: skip
"""What of a job or a command is written down; texts, titles and paths of texts are not here."""
TELLING = (ModelError, MissingAssetError, StorageError)
"""Errors whose sentences name models, files and disks. Those of other kinds may quote a text."""

log = logging.getLogger("explorer")


class _Shared(RotatingFileHandler):
    """A rotated file that several processes write: one at a time, and opened for each line."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            path, maxBytes=MOST_BYTES, backupCount=BACKUPS, encoding="utf-8", delay=True
        )
        self._others = FileLock(path.with_name(f".{path.stem}.lock"), timeout=5)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            with self._others:
                super().emit(record)
                if self.stream is not None:
                    self.stream.close()
                    self.stream = None  # FileHandler opens it again
        except Exception:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        """Do nothing: a full disk must not stop what is logged."""


def begin(role: str) -> None:
    """Write this process's log to the file of its role, and what ends it unexpectedly as well.

    Called again, the file is that of the cache folder as it is then. A disk that refuses leaves
    the process without a log.

    Args:
        role: worker, web or command.
    """
    asked = os.environ.get("EXPLORER_LOG", "info").strip().lower()
    for handler in list(log.handlers):
        log.removeHandler(handler)
        handler.close()
    log.setLevel(LEVELS.get(asked, logging.INFO))
    handlers: list[logging.Handler] = []
    with contextlib.suppress(StorageError):
        handlers.append(_Shared(folders.make(folders.local() / "logs") / f"{role}.log"))
    by_hand = sys.stderr is not None and sys.stderr.isatty()
    if role == "worker" and by_hand:
        handlers.append(logging.StreamHandler())
    layout = logging.Formatter(
        "%(asctime)s.%(msecs)03dZ %(levelname)s %(process)d %(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    layout.converter = time.gmtime
    for handler in handlers or [logging.NullHandler()]:
        handler.setFormatter(layout)
        log.addHandler(handler)
    if asked not in LEVELS:
        log.warning(line("EXPLORER_LOG is none of the levels", levels=", ".join(LEVELS)))
    if role != "web":  # Streamlit catches what a page raises (widgets.start.logged)
        _hear_of_ends(quiet=role == "worker" and not by_hand)


def line(what: str, **facts: Any) -> str:
    """Return one line: what happened, then `name=value` for everything that is known."""
    known = {name: value for name, value in facts.items() if value not in (None, "", ())}
    return " ".join([what, *(f"{name}={_value(value)}" for name, value in known.items())])


def facts(asked: object) -> dict[str, Any]:
    """Return what of a job spec or a command's arguments may be written down (`FACTS`)."""
    inside = getattr(asked, "settings", None)  # an experiment's
    found = {name: getattr(asked, name, None) or getattr(inside, name, None) for name in FACTS}
    return {name: value for name, value in found.items() if isinstance(value, str | int | tuple)}


def reason(error: BaseException | None) -> dict[str, str]:
    """Return the kind of an error, and its sentence where that cannot quote a text."""
    if error is None:
        return {}
    told = {"said": str(error)} if isinstance(error, TELLING) else {}
    return {"error": type(error).__name__, **told}


def frames(error: BaseException) -> str:
    """Return where an error came from: lines of code, without what it says."""
    where = traceback.format_list(traceback.extract_tb(error.__traceback__))
    return "\nTraceback (most recent call last):\n" + "".join(where) + type(error).__name__


@contextlib.contextmanager
def told(what: str, **about: Any) -> Iterator[None]:
    """Write down when something begins and how it ends; what it raises goes on."""
    began = time.monotonic()
    log.info(line(f"{what} began", **about))
    try:
        yield
    except ExplorerError as error:
        log.warning(line(f"{what} failed", seconds=time.monotonic() - began, **reason(error)))
        raise
    except Exception as error:
        log.error(line(f"{what} failed", seconds=time.monotonic() - began) + frames(error))
        raise
    except KeyboardInterrupt:
        log.info(line(f"{what} was interrupted", seconds=time.monotonic() - began))
        raise
    log.info(line(f"{what} ended", seconds=time.monotonic() - began))


def output_of(name: str) -> Path:
    """Return the file for what a child process prints by itself; a large one is put aside first.

    Raises:
        StorageError: if the folder cannot be made.
    """
    path = folders.make(folders.local() / "logs") / f"{name}-output.log"
    with contextlib.suppress(OSError):
        if path.stat().st_size > MOST_BYTES:
            path.replace(path.with_suffix(".log.1"))
    return path


def versions() -> dict[str, str]:
    """Return what a process says of itself when it begins."""
    return {"version": __version__, "python": sys.version.split()[0]}


def _value(value: Any) -> str:
    text = f"{value:.2f}" if isinstance(value, float) else str(value)
    plain = text.isprintable() and not set(text) & set(' "=')
    return text if plain else json.dumps(text, ensure_ascii=False)


def _hear_of_ends(*, quiet: bool) -> None:
    """Write down an exception that nobody caught; a worker's goes nowhere else."""

    def heard(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
        if issubclass(kind, Exception):
            log.critical(line("an exception ended this process or thread") + frames(error))
        if not quiet:
            sys.__excepthook__(kind, error, error.__traceback__)

    sys.excepthook = heard
    threading.excepthook = lambda it: (
        None if it.exc_value is None else heard(it.exc_type, it.exc_value, it.exc_traceback)
    )
