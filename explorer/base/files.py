"""Writing files so that nobody ever reads half of one."""

import contextlib
import fnmatch
import io
import os
import uuid
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.base.errors import disk_errors
from explorer.base.language import tr

if TYPE_CHECKING:
    import pandas as pd

_guard: ContextVar[Callable[[], None] | None] = ContextVar("guard", default=None)
_hear: ContextVar[Callable[[], None] | None] = ContextVar("hear", default=None)


@contextlib.contextmanager
def guarded(
    check: Callable[[], None], hear_kept: Callable[[], None] | None = None
) -> Iterator[None]:
    """Ask `check` before every file is changed; what it raises keeps the file as it is.

    So a worker whose job another one has claimed leaves the job's files alone, whatever it was in
    the middle of.

    Args:
        check: raises if nothing may be written.
        hear_kept: called whenever a file is complete from which the work goes on after a kill.
    """
    tokens = _guard.set(check), _hear.set(hear_kept)
    try:
        yield
    finally:
        _guard.reset(tokens[0])
        _hear.reset(tokens[1])


def say_kept() -> None:
    """Report to the guard that a checkpoint is complete, from which work goes on after a kill."""
    if (hear := _hear.get()) is not None:
        hear()


def require_mine() -> None:
    """Raise what the guard of `guarded` raises, if this may not write; elsewhere do nothing."""
    if (check := _guard.get()) is not None:
        check()


def write_atomically(path: Path, data: bytes) -> Path:
    """Write `data` under a temporary name and rename it to `path`.

    Raises:
        StorageError: if the disk refuses; nothing half-written stays behind.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:6]}.tmp")
    try:
        with disk_errors(
            tr("{name} could not be written to {folder}", name=path.name, folder=path.parent)
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(data)
            require_mine()
            temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):  # it is there only if something went wrong
            temporary.unlink()
    return path


def files_below(folder: Path, pattern: str = "*") -> Iterator[Path]:
    """Yield the files anywhere below a folder whose names match a pattern.

    Folders that somebody else removes meanwhile are passed over, where `Path.rglob` raises.
    """
    for top, _, names in os.walk(folder):
        yield from (Path(top) / name for name in fnmatch.filter(names, pattern))


def zip_of(parts: Iterable[tuple[str, bytes | Path]]) -> bytes:
    """Return contents, or files that lie here, under their names as one ZIP."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, part in parts:
            made.write(part, name) if isinstance(part, Path) else made.writestr(name, part)
    return out.getvalue()


def csv_of(table: "pd.DataFrame") -> bytes:
    """Return a table as CSV in UTF-8.

    Its lines end in CRLF (RFC 4180): what is written quotes only the letters of its own line end,
    and a bare CR, which some tokens are, would end a line for whoever reads it.
    """
    text: str = table.to_csv(index=False, lineterminator="\r\n")
    return text.encode()
