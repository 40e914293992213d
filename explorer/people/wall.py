"""The class page: everybody's newest texts as tiles, read once for all who look.

A tile is a plain value, ready for JSON: who, how far, and for each token of the target what the
model says there now. What is over is read once; what trains, when its newest frame has changed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.dialects.sqlite import insert

from explorer.base.database import JobRow, OwnerRow, transaction
from explorer.base.errors import BadInputError
from explorer.base.language import tr
from explorer.jobs import client, feed
from explorer.jobs.feed import DONE, Say, Stamp
from explorer.people import owners
from explorer.people.person import Person, names
from explorer.solutions.recording import Recording
from explorer.specs.jobs import parse

MOST_TILES = 60
"""Texts that are shown, the newest; more could not be read from the last row."""
MOST_LETTERS = 160
"""Of a text that has not begun."""

Tile = dict[str, Any]


class Wall:
    """What the class page shows, looked at again and again."""

    def __init__(self, sayer: Callable[[str], Say]) -> None:
        """Know nothing yet.

        Args:
            sayer: returns for a model's name what turns its token ids into texts.
        """
        self._sayer = sayer
        self._known: dict[str, _Known] = {}

    def __call__(self) -> dict[str, Tile]:
        """Return the tiles by the ids of their jobs.

        Raises:
            StorageError: if the catalogue cannot be read.
        """
        rows = _rows(OwnerRow.hidden.is_not(True), MOST_TILES)
        known = {
            row.id: self._known.get(row.id, _Known()).unless_it_ended(row.state) for row in rows
        }
        polls = feed.poll({job: seen.stamp for job, seen in known.items()}, rows=False)
        called = names([row.person for row in rows if row.person])
        tiles: dict[str, Tile] = {}
        for row in rows:
            poll, strip = polls[row.id], known[row.id].strip
            if poll.newest is not None:
                strip = strip_of(poll.newest, self._sayer(poll.newest.header.model))
            known[row.id] = _Known(poll.stamp, strip, row.state)
            if strip or row.state not in client.OVER:  # else it came to nothing
                tiles[row.id] = _tile(row, called.get(row.person or "", ""), strip)
        self._known = known
        return tiles


@dataclass(frozen=True)
class _Known:
    """What was read last of a job: the newest frame's stamp, its strip, the job's state then."""

    stamp: Stamp | None = None
    strip: Tile = field(default_factory=dict)
    state: str = ""

    def unless_it_ended(self, state: str) -> "_Known":
        """Return itself, without its stamp if the job has ended since: its last frame counts."""
        return (
            self if state == self.state or state not in client.OVER else replace(self, stamp=None)
        )


def strip_of(newest: Recording, say: Say) -> Tile:
    """Return the strip of the restart that is furthest on.

    Returns:
        `words`, for each group of tokens that show as one: the target, what the model says, and
        whether it is right; `right` and `total`, tokens; `exact`; `steps` of this restart.
    """
    header, frame, best = newest.header, newest.frames[-1], newest.best
    targets, said = header.target_ids, frame["predicted"][best].tolist()
    known = header.pieces
    ids = sorted({*targets, *said} - known.keys())
    known = known | dict(zip(ids, say(ids), strict=True))
    groups = header.groups or [(i, i + 1, "") for i in range(len(targets))]
    words = []
    for start, stop, text in groups:
        wanted = text or "".join(known[i] for i in targets[start:stop])
        right = said[start:stop] == list(targets[start:stop])
        words.append(
            [wanted, wanted if right else "".join(known[i] for i in said[start:stop]), right]
        )
    right = int(np.sum(frame["predicted"][best] == np.array(targets)))
    exact = right == len(targets) and int(frame["phase"][best]) == DONE
    return {
        "words": words,
        "right": right,
        "total": len(targets),
        "exact": exact,
        "steps": int(frame["steps"][best]),
    }


def hide(person: Person, jobs: Iterable[str], *, hidden: bool = True) -> None:
    """Take texts off the wall, or put them back.

    Raises:
        BadInputError: if it is not the host who asks, or there is no such job.
        StorageError: if the catalogue cannot be written.
    """
    owners.require_host(person)
    with transaction() as session:
        for job in jobs:
            if session.get(JobRow, job) is None:
                raise BadInputError(tr("This text is not there any more."))
            row = insert(OwnerRow).values(id=job, hidden=hidden)
            session.execute(
                row.on_conflict_do_update(index_elements=["id"], set_={"hidden": hidden})
            )


def clear(person: Person) -> None:
    """Take every text off the wall, also those that would come after the newest.

    Raises:
        BadInputError: if it is not the host who asks.
        StorageError: if the catalogue cannot be read or written.
    """
    hide(person, [row.id for row in _rows(OwnerRow.hidden.is_not(True), None)])


def hidden() -> dict[str, str]:
    """Return what the host has taken off the wall: texts by the ids of their jobs, newest first.

    Raises:
        StorageError: if the catalogue cannot be read.
    """
    return {row.id: _text(row) for row in _rows(OwnerRow.hidden.is_(True), MOST_TILES)}


_SHOWN = (JobRow.id, JobRow.spec, JobRow.state, JobRow.created, JobRow.finished, OwnerRow.person)


def _rows(which: ColumnElement[bool], most: int | None) -> list[Row[Any]]:
    texts = select(*_SHOWN).join(OwnerRow, OwnerRow.id == JobRow.id, isouter=True)
    wanted = texts.where(JobRow.kind == "reconstruct", which).order_by(JobRow.created.desc())
    with transaction() as session:
        return list(session.execute(wanted.limit(most)))


def _text(row: Row[Any]) -> str:
    try:
        spec = parse(row.spec)
    except BadInputError:  # queued by another version of the project
        return ""
    return str(getattr(spec, "text", ""))[:MOST_LETTERS]


def _tile(row: Row[Any], who: str, strip: Tile) -> Tile:
    return {
        "who": who,
        "by": row.person,
        "state": row.state,
        "over": row.state in client.OVER,
        "created": row.created,
        "finished": row.finished,
        **(strip or {"text": _text(row)}),
    }
