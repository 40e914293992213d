"""The trash: moves what is deleted into a folder of the cache, puts it back, empties it.

A manifest is written before anything moves, so that whatever interrupts a deletion can be undone.
"""

import contextlib
import shutil
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field
from sqlalchemy import select

from explorer.base import folders
from explorer.base.database import JobRow, transaction
from explorer.base.errors import BadInputError, CorruptFileError, disk_errors
from explorer.base.language import tr
from explorer.base.value import Value
from explorer.jobs import client
from explorer.library import in_use, labels
from explorer.library import items as library
from explorer.library.items import Item
from explorer.library.labels import Kind
from explorer.library.selection import size_of
from explorer.solutions import sets

MANIFEST = "deleted.json"
NAMED = 3


class Deletion(Value):
    """Items that were deleted together."""

    id: str
    kind: Kind
    ids: list[str] = Field(description="Of the items.")
    titles: list[str] = Field(description="What the first of them are called.")
    places: list[str] = Field(description="Where each file or folder was, below the cache.")
    rows: list[dict[str, Any]] = Field(default=[], description="The queue's rows of jobs.")
    deleted: float = Field(description="UNIX time.")

    @property
    def folder(self) -> Path:
        """Where they wait."""
        return _trash() / self.id

    @property
    def belongs_to(self) -> list[str]:
        """Under which ids their owners are noted."""
        inside = {Path(place).parent.name for place in self.places}
        return sorted(inside) if self.kind == "solution" else self.ids

    @property
    def bytes(self) -> int:
        """What they take of the disk."""
        return size_of(self.folder)


def throw(items: Sequence[Item]) -> Deletion:
    """Move items of one kind into the trash.

    Raises:
        BadInputError: if there are none, one ships with the project, is a part of a solution set,
            or a job that is not over makes or needs it.
        StorageError: if the disk refuses.
    """
    if not items or len({item.kind for item in items}) != 1:
        raise BadInputError(tr("Select what you want to delete."))
    if any(item.ships for item in items):
        raise BadInputError(tr("What ships with the project cannot be deleted. Leave it out."))
    kind = items[0].kind
    paths = [item.path or client.folder_of(item.id) for item in items]
    in_use.require_free(paths)
    _must_be_over(items)
    _must_stand_alone(items)
    rows = _rows([item.id for item in items]) if kind == "job" else []
    paths += [path for item in items for path in item.more if path.exists()]
    deletion = Deletion(
        id=uuid.uuid4().hex[:10],
        kind=kind,
        ids=[item.id for item in items],
        titles=[item.title[:120] for item in items[:NAMED]],
        places=[path.relative_to(folders.local()).as_posix() for path in paths],
        rows=rows,
        deleted=time.time(),
    )
    deletion.keep(deletion.folder / MANIFEST)
    with _disk_errors():
        for path, held in _pairs(deletion):
            if path.exists():
                held.parent.mkdir(parents=True, exist_ok=True)
                path.rename(held)
    with transaction() as session:
        for row in session.scalars(select(JobRow).where(JobRow.id.in_([r["id"] for r in rows]))):
            session.delete(row)
    return deletion


def undo(deletion_id: str) -> Deletion:
    """Put back what was deleted.

    Raises:
        BadInputError: if it is not in the trash any more, or its place is taken.
        StorageError: if the disk refuses.
    """
    deletion = next((d for d in deletions() if d.id == deletion_id), None)
    if deletion is None:
        raise BadInputError(tr("This is not in the trash any more."))
    taken = [path.name for path, held in _pairs(deletion) if held.exists() and path.exists()]
    if taken:
        raise BadInputError(
            tr(
                "{file} is in the library again, so the deleted one cannot come back. Delete that "
                "one first.",
                file=taken[0],
            )
        )
    with _disk_errors():
        for path, held in _pairs(deletion):
            if held.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                held.rename(path)
    with transaction() as session:
        for row in deletion.rows:  # of another version, maybe, with other columns
            known = {field: row[name] for name, field in _columns().items() if name in row}
            session.merge(JobRow(**known))
    with _disk_errors():
        shutil.rmtree(deletion.folder)
    return deletion


def deletions() -> list[Deletion]:
    """Return what is in the trash, newest first; a manifest that cannot be read is left out."""
    found = ((Deletion.kept(file), file) for file in _trash().glob(f"*/{MANIFEST}"))
    safe = [known for known, file in found if known and _is_safe(known, file.parent.name)]
    return sorted(safe, key=lambda deletion: deletion.deleted, reverse=True)


def size() -> int:
    """Return the bytes that the trash takes."""
    return size_of(_trash())


def empty() -> None:
    """Throw everything in the trash away for good, with its names, notes and tags.

    What was made again since, under the same id, keeps them.

    Raises:
        StorageError: if the disk refuses.
    """
    for deletion in deletions():
        live = {item.id for item in library.items(deletion.kind)}
        labels.forget(deletion.kind, set(deletion.ids) - live)
    with _disk_errors():
        if _trash().exists():
            shutil.rmtree(_trash())


def _trash() -> Path:
    return folders.local() / "trash"


def _pairs(deletion: Deletion) -> Iterator[tuple[Path, Path]]:
    """Yield where each file or folder belongs and where it is held."""
    for place in deletion.places:
        yield folders.local() / place, deletion.folder / "held" / place


def _is_safe(deletion: Deletion, name: str) -> bool:
    """Return whether a manifest is of its own folder and names places inside the cache only."""
    parts = (Path(place) for place in deletion.places)
    return deletion.id == name and not any(p.is_absolute() or ".." in p.parts for p in parts)


def _must_be_over(items: Sequence[Item]) -> None:
    """Refuse open jobs, also those of another version of the project."""
    if job := next((item for item in items if not item.facts.get("over", True)), None):
        raise BadInputError(tr("The job {id} is not over. Stop it, then delete.", id=job.id))


def _must_stand_alone(items: Sequence[Item]) -> None:
    """Refuse solutions that belong to a set: it is a sample, and whatever it says counts them."""
    for item in items:
        if item.kind != "solution" or item.path is None:
            continue
        folder = item.path.parent
        if folder.parent != folders.local() / "sets" or not (folder / sets.SET_FILE).is_file():
            continue
        name = labels.labels("set").get(folder.name, labels.NO_LABEL).name
        with contextlib.suppress(CorruptFileError):
            record = sets.load(folder)
            if item.path.name not in {member.file for member in record.members}:
                continue
            name = name or record.name
        raise BadInputError(
            tr(
                "The solution “{title}” belongs to the set “{set}”, whose results count it: it "
                "cannot be deleted alone. Delete the whole set, under Sets, or leave it.",
                title=item.title[:60],
                set=name or folder.name,
            )
        )


def _rows(ids: Sequence[str]) -> list[dict[str, Any]]:
    with transaction() as session:
        rows = session.scalars(select(JobRow).where(JobRow.id.in_(ids)))
        return [{name: getattr(row, f) for name, f in _columns().items()} for row in rows]


def _columns() -> dict[str, str]:
    """Return the fields of a job's row by the names of their columns, which manifests keep."""
    return {field.columns[0].name: field.key for field in JobRow.__mapper__.column_attrs}


def _disk_errors() -> contextlib.AbstractContextManager[None]:
    return disk_errors(tr("The trash in {folder} cannot be used", folder=_trash()))
