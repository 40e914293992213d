"""Everything stored as lists of items: solutions, recorded runs, sets, jobs (others: `holdings`).

Listing reads metadata only, and each file once: what it says is kept until the file changes.
"""

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from sqlalchemy import select

from explorer.base import folders
from explorer.base.database import JobRow, transaction
from explorer.base.errors import BadInputError, CorruptFileError, StorageError
from explorer.jobs import client
from explorer.library import holdings, labels
from explorer.library.item import Item, labels_of, time_of
from explorer.library.labels import NO_LABEL, Kind, Label
from explorer.solutions import sets as records
from explorer.solutions import store
from explorer.solutions.recording import RecordingHeader, read_header
from explorer.solutions.sets import SetRecord
from explorer.specs.jobs import DistancesSpec, ExperimentSpec, MapSpec

__all__ = ["SET", "SHIPS", "Item", "find", "items", "relabel"]

SET = "set.json"
SHIPS = "ships with the project"


def items(kind: Kind) -> list[Item]:
    """Return everything of one kind: this machine's, newest first, then what ships.

    What cannot be read is listed with its problem. Without a catalogue labels are missing.
    """
    here = {"solution": _solutions, "run": _runs, "set": _sets, "job": _jobs}
    found = (here | holdings.LISTS)[kind]()
    found.sort(key=lambda item: item.id)
    found.sort(key=lambda item: item.created, reverse=True)
    return sorted(found, key=lambda item: item.ships)


def find(kind: Kind, entry_id: str) -> Item:
    """Return one item.

    Raises:
        BadInputError: if there is none.
    """
    for item in items(kind):
        if item.id == entry_id:
            return item
    raise BadInputError(f"There is no {kind} “{entry_id[:60]}” in the library any more.")


def relabel(item: Item, *, name: str, note: str, tags: Iterable[str]) -> Label:
    """Give an item a name, a note and tags.

    Raises:
        BadInputError: if it ships with the project, or one of them is too long.
        StorageError: if the catalogue cannot be written.
    """
    if item.ships:
        raise BadInputError(
            "What ships with the project cannot be renamed. Export it, and import it under a name."
        )
    return labels.put(item.kind, item.id, name=name, note=note, tags=tags)


def _solutions() -> list[Item]:
    named = labels_of("solution")
    return [
        Item(
            kind="solution",
            id=entry.id,
            text=entry.record.text if entry.record else entry.path.name,
            path=entry.path,
            created=entry.record.created if entry.record else "",
            ships=entry.ships,
            problem=entry.problem,
            label=NO_LABEL if entry.ships else named.get(entry.id, NO_LABEL),
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
    named = labels_of("run")
    members: defaultdict[Path, list[store.Entry]] = defaultdict(list)
    for entry in store.entries():
        members[entry.path.parent].append(entry)
    shipped = dict.fromkeys(store.shipped_runs(), True)
    own = {file.parent: False for file in store.own_recordings()}
    return [
        _run(folder, members[folder], ships, named) for folder, ships in (own | shipped).items()
    ]


def _run(folder: Path, members: list[store.Entry], ships: bool, named: Mapping[str, Label]) -> Item:
    header, problem = _header(folder / store.RECORDING)
    records = [entry.record for entry in members if entry.record]
    text = header.title if header else folder.name
    if records:
        text = records[0].text
    name = folder.relative_to(folders.recorded()).as_posix() if ships else folder.name
    return Item(
        kind="run",
        id=name,
        text=text,
        path=folder,
        created=max((record.created for record in records), default=""),
        ships=ships,
        problem=problem,
        label=NO_LABEL if ships else named.get(name, NO_LABEL),
        length=len(header.target_ids) if header else 0,
        facts={
            "restarts": len(header.seeds) if header else None,
            "exact": sum(record.exact for record in records),
            "accuracy": max((record.accuracy for record in records), default=None),
            "model": header.model if header else "",
            "arrangement": header.arrangement if header else "",
            "source": header.title if header else "",
        },
        more=() if ships else (client.folder_of(name),),  # frames, and where it would go on from
    )


def _header(path: Path) -> tuple[RecordingHeader | None, str | None]:
    with contextlib.suppress(OSError):
        state = path.stat()
        return _header_once(path, state.st_size, state.st_mtime_ns)
    return None, f"The recording of {path.parent.name} cannot be read any more."


@lru_cache(maxsize=10_000)
def _header_once(
    path: Path, _size: int, _changed: int
) -> tuple[RecordingHeader | None, str | None]:
    try:
        return read_header(path), None
    except CorruptFileError as error:
        return None, f"Run {path.parent.name}: {error}"


def _sets() -> list[Item]:
    """Return sets of solutions, called as on their pages."""
    named = labels_of("set")
    found = []
    for file in sorted((folders.local() / "sets").glob(f"*/{SET}")):
        record, folder = _set(file), file.parent
        damaged = f"{SET} of the set {folder.name} is damaged or of another version; delete it."
        found.append(
            Item(
                kind="set",
                id=folder.name,
                text=record.name if record else folder.name,
                path=folder,
                created=record.created if record else time_of(file.stat().st_mtime),
                problem=None if record else damaged,
                label=named.get(folder.name, NO_LABEL),
                length=record.spec.length if record else 0,
                facts={"model": record.spec.model if record else "", **_lost(folder, record)},
                more=(records.work_of(folder.name),),  # from there it goes on if it comes back
            )
        )
    return found


def _set(file: Path) -> SetRecord | None:
    with contextlib.suppress(OSError):
        state = file.stat()
        return _set_once(file, state.st_size, state.st_mtime_ns)
    return None


@lru_cache(maxsize=1_000)
def _set_once(file: Path, _size: int, _changed: int) -> SetRecord | None:
    with contextlib.suppress(CorruptFileError):
        return records.load(file.parent)
    return None


def _lost(folder: Path, record: SetRecord | None) -> dict[str, int]:
    """Return how many of a set's files are gone, and how many are left, if any are gone."""
    names = [*(member.file for member in record.members), *record.missing] if record else []
    files = [folder / name for name in names]
    gone = sum(not file.is_file() for file in files)
    return {"missing": gone, "left": len(files) - gone} if gone else {}


def _jobs() -> list[Item]:
    """Return all jobs, also those that another version of the project has queued."""
    named = labels_of("job")
    sets = {folder.name: _set(folder / SET) for folder in records.set_folders()}
    called = {name: record.name for name, record in sets.items() if record}
    rows: list[JobRow] = []
    with contextlib.suppress(StorageError), transaction() as session:
        rows = list(session.scalars(select(JobRow)))
    return [_job(row, named.get(row.id, NO_LABEL), called) for row in rows]


def _job(row: JobRow, label: Label, called: Mapping[str, str]) -> Item:
    problem, text, model = None, row.kind, ""
    try:
        spec = client.as_job(row).spec
        model = getattr(spec, "model", "")
        text = getattr(spec, "text", "") or getattr(spec, "context", "") or model
        if isinstance(spec, DistancesSpec | MapSpec):
            about = (spec.set,) if isinstance(spec, DistancesSpec) else spec.sets
            text = " · ".join(called[name] for name in about if name in called) or model
        asks = f"run {spec.settings.experiment}" if isinstance(spec, ExperimentSpec) else spec.kind
    except (BadInputError, ValueError):
        asks = row.kind
        problem = f"Job {row.id} was queued by another version of the project; delete it."
    return Item(
        kind="job",
        id=row.id,
        text=text,
        path=None,
        created=time_of(row.created),
        problem=problem,
        label=label,
        facts={
            "asks": asks,
            "state": row.state,
            "said": row.error or row.sentence,
            "over": row.state in client.OVER,
            "model": model,
        },
    )
