"""Reports on sets, each one JSON file beside the other analyses: made here, or shipped."""

import hashlib
import json
from pathlib import Path
from typing import Generic, TypeVar

from explorer.base import folders
from explorer.base.files import write_atomically
from explorer.base.value import Value
from explorer.solutions.sets import SetRecord

VERSION = 1
"""Of what is computed; reports of another version are made again."""

R = TypeVar("R", bound=Value)


def key(record: SetRecord) -> str:
    """Return the name of a set's report: it depends on the exact solutions, not on the rest.

    Ids of solutions are those of what was asked for; the seconds that they took tell one training
    of it from another, on another device for one.
    """
    members = sorted((m.solution, m.steps, m.seconds) for m in record.exact)
    return hashlib.sha256(json.dumps([VERSION, record.id, members]).encode()).hexdigest()[:16]


def kept(name: str) -> list[Path]:
    """Return the analyses of a name or a pattern of names, those made here before what ships."""
    roots = (folders.local(), folders.recorded())
    return [file for root in roots for file in sorted((root / "analyses").glob(name))]


class SetReports(Generic[R]):
    """The reports of one kind."""

    def __init__(self, name: str, of: type[R]) -> None:
        """Keep reports of a class under a name, that of the command which makes them."""
        self.name, self.of = name, of

    def save(self, record: SetRecord, made: R) -> Path:
        """Keep a report.

        Raises:
            StorageError: if the disk refuses.
        """
        folder = folders.make(folders.local() / "analyses")
        return write_atomically(folder / self._file(record), made.model_dump_json().encode())

    def files(self, record: SetRecord) -> list[Path]:
        """Return where a set's report lies, here before what ships; none: not made."""
        return kept(self._file(record))

    def read(self, file: Path) -> R | None:
        """Return a report, or None if it cannot be read."""
        return self.of.kept(file)

    def load(self, record: SetRecord) -> R | None:
        """Return a set's report if it was made here or ships with the project."""
        return next((made for f in self.files(record) if (made := self.read(f)) is not None), None)

    def _file(self, record: SetRecord) -> str:
        return f"{self.name}-{key(record)}.json"
