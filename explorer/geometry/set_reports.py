"""Reports on sets, each one JSON file beside the other analyses: made here, or shipped."""

from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel

from explorer.base import folders
from explorer.base.files import write_atomically
from explorer.geometry.distance_report import key
from explorer.solutions.sets import SetRecord

R = TypeVar("R", bound=BaseModel)


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
        roots = (folders.local(), folders.recorded())
        return [f for root in roots if (f := root / "analyses" / self._file(record)).is_file()]

    def read(self, file: Path) -> R | None:
        """Return a report, or None if it cannot be read."""
        try:
            return self.of.model_validate_json(file.read_bytes())
        except (OSError, ValueError):
            return None

    def load(self, record: SetRecord) -> R | None:
        """Return a set's report if it was made here or ships with the project."""
        return next((made for f in self.files(record) if (made := self.read(f)) is not None), None)

    def _file(self, record: SetRecord) -> str:
        return f"{self.name}-{key(record)}.json"
