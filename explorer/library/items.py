"""Everything stored as lists of items: solutions, recorded runs, sets, jobs (others: `holdings`).

Listing reads metadata only, and each file once: what it says is kept until the file changes.
"""

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import select

from explorer.base.collection import Stored
from explorer.base.database import JobRow, transaction
from explorer.base.errors import BadInputError, StorageError
from explorer.base.language import tr
from explorer.jobs import client
from explorer.library import holdings, labels
from explorer.library.item import Item, listed, time_of
from explorer.library.labels import NO_LABEL, Kind, Label
from explorer.people import owners
from explorer.solutions import sets as records
from explorer.solutions import store
from explorer.solutions.recording import RecordingHeader
from explorer.solutions.sets import SetRecord
from explorer.solutions.solution import AnyRecord
from explorer.specs.jobs import ExperimentSpec, names_in

__all__ = ["Item", "items", "relabel"]


def items(kind: Kind) -> list[Item]:
    """Return everything of one kind: this machine's, newest first, then what ships.

    What cannot be read is listed with its problem. Without a catalogue labels and owners are
    missing.
    """
    here = {"solution": _solutions, "run": _runs, "set": _sets, "job": _jobs}
    named: dict[str, Label] = {}
    whose: dict[str, str] = {}
    with contextlib.suppress(StorageError):  # what is stored can be listed all the same
        named, whose = labels.labels(kind), owners.owners()
    found = [
        replace(
            item,
            label=NO_LABEL if item.ships else named.get(item.id, NO_LABEL),
            owner=whose.get(item.belongs_to),
        )
        for item in (here | holdings.LISTS)[kind]()
    ]
    found.sort(key=lambda item: item.id)
    found.sort(key=lambda item: item.created, reverse=True)
    return sorted(found, key=lambda item: item.ships)


def relabel(item: Item, *, name: str, note: str, tags: Iterable[str]) -> Label:
    """Give an item a name, a note and tags.

    Raises:
        BadInputError: if it ships with the project, or one of them is too long.
        StorageError: if the catalogue cannot be written.
    """
    if item.ships:
        raise BadInputError(tr("What ships with the project cannot be renamed."))
    return labels.put(item.kind, item.id, name=name, note=note, tags=tags)


def _solutions() -> list[Item]:
    return [
        Item(
            kind="solution",
            id=entry.id,
            text=entry.record.text if entry.record else entry.path.name,
            path=entry.path,
            created=entry.record.created if entry.record else "",
            ships=entry.ships,
            problem=entry.problem,
            record=entry.record,
            length=entry.length,
            facts={"origin": _origin(entry)},
        )
        for entry in store.entries()
    ]


def _origin(entry: store.Entry) -> str:
    if entry.ships:
        return "recorded"
    return "imported" if entry.path.parent.name.startswith(store.IMPORTED) else "own"


def _runs() -> list[Item]:
    members: defaultdict[Path, list[AnyRecord]] = defaultdict(list)
    for entry in store.entries():
        if entry.record:
            members[entry.path.parent].append(entry.record)

    def describe(run: Stored[RecordingHeader]) -> dict[str, Any]:
        header, records = run.said, members[run.folder]
        title = header.title if header else ""
        return {
            "text": records[0].text if records else title if header else run.folder.name,
            "created": max((record.created for record in records), default=""),
            "length": len(header.target_ids) if header else 0,
            "facts": {
                "restarts": len(header.seeds) if header else None,
                "exact": sum(record.exact for record in records),
                "accuracy": max((record.accuracy for record in records), default=None),
                "model": header.model if header else "",
                "arrangement": header.arrangement if header else "",
                "source": title,
            },
            # frames, and where it would go on from
            "more": () if run.ships else (client.folder_of(run.id),),
        }

    return listed("run", store.RUNS, describe)


def _sets() -> list[Item]:
    """Return this machine's sets of solutions, called as on their pages."""

    def describe(found: Stored[SetRecord]) -> dict[str, Any]:
        more = (records.work_of(found.id),)  # from there it goes on if it comes back
        if (record := found.said) is None:
            return {"more": more, "facts": {"model": ""}}
        return {
            "text": record.name,
            "length": record.spec.length,
            "facts": {"model": record.spec.model, **_lost(found.folder, record)},
            "more": more,
        }

    return [item for item in listed("set", records.SETS, describe) if not item.ships]


def _lost(folder: Path, record: SetRecord) -> dict[str, int]:
    """Return how many of a set's files are gone, and how many are left, if any are gone."""
    names = [*(member.file for member in record.members), *record.missing]
    files = [folder / name for name in names]
    gone = sum(not file.is_file() for file in files)
    return {"missing": gone, "left": len(files) - gone} if gone else {}


def _jobs() -> list[Item]:
    """Return all jobs, also those that another version of the project has queued."""
    called = {found.id: found.said.name for found in records.SETS.all() if found.said}
    rows: list[JobRow] = []
    with contextlib.suppress(StorageError), transaction() as session:
        rows = list(session.scalars(select(JobRow)))
    return [_job(row, called) for row in rows]


def _job(row: JobRow, called: Mapping[str, str]) -> Item:
    problem, text, model = None, row.kind, ""
    try:
        spec = client.as_job(row).spec
        model = getattr(spec, "model", "")
        text = getattr(spec, "text", "") or getattr(spec, "context", "") or model
        if about := [name for kind, name in names_in(spec) if kind == "set"]:
            text = " · ".join(called[name] for name in about if name in called) or model
        asks = f"run {spec.settings.experiment}" if isinstance(spec, ExperimentSpec) else spec.kind
    except (BadInputError, ValueError):
        asks = row.kind
        problem = tr("Job {id} was queued by another version of the project; delete it.", id=row.id)
    return Item(
        kind="job",
        id=row.id,
        text=text,
        path=None,
        created=time_of(row.created),
        problem=problem,
        facts={
            "asks": asks,
            "state": row.state,
            "said": row.error or row.sentence,
            "over": row.state in client.OVER,
            "model": model,
        },
    )
