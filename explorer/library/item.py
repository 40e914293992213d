"""One entry of the library, of whatever kind."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from explorer.base.collection import Collection, Stored
from explorer.base.language import tr
from explorer.library.labels import NO_LABEL, Kind, Label
from explorer.solutions.solution import AnyRecord

S = TypeVar("S")


@dataclass(frozen=True)
class Item:
    """One entry of the library.

    Attributes:
        kind: solution, run (a recording with its solutions), set, paths, landscape (or a walk
            around a solution), experiment (a run of one), analysis (a map or distances), asset (a
            model or texts), job or leftover (what nothing needs any more).
        id: unique within its kind.
        text: the text it is about, or what else tells it from others.
        path: its file or folder, None for a job.
        created: UTC time, ISO 8601; empty if unknown.
        ships: whether it came with the project: to be looked at, not to be changed.
        problem: a sentence if it cannot be read.
        label: what a person calls it.
        record: of a solution, what its file says.
        length: N of a solution or run, else 0.
        facts: what else is worth a column, by name.
        more: what else is deleted with it: files and folders, there or not.
        owner: id of the person whose it is; None: nobody's in particular.
    """

    kind: Kind
    id: str
    text: str
    path: Path | None
    created: str = ""
    ships: bool = False
    problem: str | None = None
    label: Label = NO_LABEL
    record: AnyRecord | None = None
    length: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)
    more: tuple[Path, ...] = ()
    owner: str | None = None

    @property
    def belongs_to(self) -> str:
        """Under which id its owner is noted: of its job, or the folder it lies in."""
        return self.path.parent.name if self.kind == "solution" and self.path else self.id

    @property
    def title(self) -> str:
        """The name a person gave it, else its text."""
        return self.label.name or self.text


def time_of(seconds: float) -> str:
    """Return a UNIX time as UTC, ISO 8601."""
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=0).isoformat()


def made(path: Path) -> str:
    """Return when a file or folder was changed last, UTC, ISO 8601; empty if it is gone."""
    with contextlib.suppress(OSError):
        return time_of(path.stat().st_mtime)
    return ""


def listed(
    kind: Kind, collection: Collection[S], describe: Callable[[Stored[S]], dict[str, Any]]
) -> list[Item]:
    """Return everything in a collection as items.

    Args:
        kind: what they are.
        collection: where they lie.
        describe: gives further fields of one, which is called as its folder unless they say so.
    """
    items = []
    for stored in collection.all():
        noun = tr(collection.noun)
        fields = {
            "text": stored.folder.name,
            "path": stored.folder,
            "created": getattr(stored.said, "created", "") or made(stored.file),
            "problem": stored.problem
            and f"{noun[:1].upper()}{noun[1:]} {stored.folder.name}: {stored.problem}",
        }
        own = describe(stored)
        items.append(Item(kind=kind, id=stored.id, ships=stored.ships, **{**fields, **own}))
    return items
