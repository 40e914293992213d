"""Solutions and recordings on disk, found again by id, by job, or by what made them.

Files are the truth, the database their index: files that appear are taken in by `sync`, and an
entry whose file cannot be read is shown with its problem, never skipped.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field
from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from explorer.base import folders
from explorer.base.collection import Collection, read_once, the_one
from explorer.base.database import SolutionRow, transaction
from explorer.base.errors import CorruptFileError, NoProtoTokensError, StorageError
from explorer.base.files import files_below
from explorer.base.language import later
from explorer.base.provenance import Recorded
from explorer.solutions.recording import FORMAT, Recording
from explorer.solutions.solution import (
    AnyRecord,
    Memory,
    MemoryRecord,
    Solution,
    load_solution,
    read_record,
    save_solution,
)

RECORDING = "recording.safetensors"
RACE = "race.json"
IMPORTED = "imported-"
"""How the folder begins of what came from somebody else."""
NOT_SOLUTIONS = (
    RECORDING,
    "paths.safetensors",
    "control_point.safetensors",
    "landscape.safetensors",
    "radius.safetensors",
    "inside.safetensors",
)
"""How files end that lie beside solutions and are something else."""


class Race(Recorded):
    """One forward pass against generation token by token, on one machine, both warm."""

    tokens: int = Field(ge=1, lt=2**31, description="How many tokens both gave.")
    one_forward_seconds: float = Field(
        ge=0, lt=1e9, description="Proto-tokens to token ids, one pass."
    )
    autoregressive_seconds: float = Field(
        ge=0, lt=1e9, description="The same number with a KV cache."
    )
    one_forward_text: str = Field(max_length=1_000_000, description="What the pass says.")
    autoregressive_text: str = Field(
        max_length=1_000_000, description="What the model says by itself after BOS."
    )
    device: str = Field(max_length=80, description="Kind of device.")
    number_format: str = Field("", max_length=80, description="Of both; empty: not noted.")


@dataclass(frozen=True)
class Entry:
    """One solution in the store.

    Attributes:
        id: the solution's id (the file's name for a file that cannot be read).
        path: its file.
        record: what is known about it, None if the file cannot be read.
        length: N.
        ships: whether it came with the project.
        problem: a sentence when the file cannot be read.
    """

    id: str
    path: Path
    record: AnyRecord | None
    length: int
    ships: bool
    problem: str | None = None


def keep(solution: Solution | Memory, job: str) -> Path:
    """Save a solution of either kind in its run's folder and note it in the catalogue.

    Raises:
        StorageError: if the disk refuses.
    """
    path = run_folder(job) / f"{solution.record.id}.safetensors"
    save_solution(solution, path)
    _note((path, solution.record, solution.length))
    return path


def _note(*found: tuple[Path, AnyRecord, int]) -> None:
    """Note solutions (file, record, N) in the catalogue."""
    with transaction() as session:
        for path, record, length in found:
            columns = {
                "path": str(path),
                "made_from": record.made_from,
                "job": record.job,
                "record": record.model_dump_json(),
                "length": length,
                "created": record.created,
            }
            session.execute(  # one statement: another process may note the same file
                insert(SolutionRow)
                .values(id=record.id, **columns)
                .on_conflict_do_update(index_elements=["id"], set_=columns)
            )


def entries() -> list[Entry]:
    """Return every solution: this machine's, newest first, then those that ship.

    Files that are not in the catalogue yet are taken in; files that cannot be read are listed with
    their problem.
    """
    own = _own_entries()
    shipped = [_read_entry(path, ships=True) for path in _solution_files(folders.recorded())]
    order = sorted(
        own, key=lambda entry: entry.record.created if entry.record else "", reverse=True
    )
    return order + shipped


def _own_entries() -> list[Entry]:
    own = {path: _read_entry(path, ships=False) for path in _own_files()}
    with contextlib.suppress(StorageError):
        with transaction() as session:
            rows = session.execute(select(SolutionRow.id, SolutionRow.path)).all()
            noted = {Path(path) for _, path in rows}
            missing = {path for path in noted - own.keys() if not path.exists()}  # not come since
            gone = [number for number, path in rows if Path(path) in missing]
            if gone:
                session.execute(delete(SolutionRow).where(SolutionRow.id.in_(gone)))
        new = [e for path, e in own.items() if path not in noted]
        if new:
            _note(*[(e.path, e.record, e.length) for e in new if e.record is not None])
    return list(own.values())


def _own_files() -> list[Path]:
    """Return the solution files of this machine's runs and sets."""
    places = (folders.local() / name for name in ("solutions", "sets"))
    return [path for place in places for path in _solution_files(place)]


def _solution_files(folder: Path) -> list[Path]:
    found = files_below(folder, "*.safetensors")
    return sorted(path for path in found if not path.name.endswith(NOT_SOLUTIONS))


def _read_entry(path: Path, *, ships: bool) -> Entry:
    said, problem = read_once(read_record, path)
    if said is None:
        return Entry(path.stem, path, None, 0, ships, problem)
    record, length = said
    return Entry(record.id, path, record, length, ships)


def find(solution_id: str) -> Path:
    """Return the file of a solution by its id or the beginning of it.

    Raises:
        BadInputError: if there is none, or more than one.
    """
    for look in (_noted_as, _shipped_as, _named_as):
        if (path := look(solution_id)) is not None:
            return path
    files = {entry.id: entry.path for entry in reversed(entries()) if entry.record}
    advice = later("It may have been made elsewhere; import its file, or pick another.")
    return files[the_one("solution", files, solution_id, advice)]


def find_pair(solution_id: str) -> Path:
    """Return the file of a solution that has e and m, by its id.

    Raises:
        BadInputError: if there is none, or it has memory vectors instead.
        CorruptFileError: if it cannot be read.
    """
    path = find(solution_id)
    record, _ = read_record(path)
    if isinstance(record, MemoryRecord):
        raise NoProtoTokensError(record.refusal)
    return path


def _noted_as(solution_id: str) -> Path | None:
    """Return the file that the catalogue knows under an id, if it is still that."""
    with contextlib.suppress(StorageError), transaction() as session:
        row = session.get(SolutionRow, solution_id)
        if row is not None and _read_entry(Path(row.path), ships=False).id == solution_id:
            return Path(row.path) if Path(row.path).is_file() else None
    return None


def _shipped_as(solution_id: str) -> Path | None:
    shipped = (_read_entry(path, ships=True) for path in _solution_files(folders.recorded()))
    return next((entry.path for entry in shipped if entry.id == solution_id), None)


def _named_as(solution_id: str) -> Path | None:
    """Return a file that came without being noted; its name is its id, or all must be read."""
    files = sorted(_own_files(), key=lambda path: path.stem != solution_id)
    entries = (_read_entry(path, ships=False) for path in files)
    return next((entry.path for entry in entries if entry.id == solution_id), None)


def open_solution(name: str | Path) -> Solution:
    """Read a solution by its id or its file.

    Raises:
        BadInputError: if there is none by that name, or it has memory vectors, not e and m.
        CorruptFileError: if it cannot be read.
    """
    path = folders.given(name)
    is_file = path.suffix == ".safetensors" or "/" in str(name) or path.is_file()
    return load_solution(path if is_file else find(str(name)))


def siblings(path: Path) -> list[Solution]:
    """Return the solutions of the run that `path` belongs to, by seed.

    Files that cannot be read, and memory vectors, are left out.
    """
    solutions = []
    for file in _solution_files(path.parent):
        with contextlib.suppress(CorruptFileError, NoProtoTokensError):
            solutions.append(load_solution(file))
    return sorted(solutions, key=lambda s: s.record.seed)


def best_of(solutions: Sequence[Solution], recording: Recording | None) -> Solution:
    """Return the restart of a run that came furthest; of those as far, the recording's best."""
    seed = recording.header.seeds[recording.best] if recording else None
    furthest = max(solutions, key=lambda s: (s.record.accuracy, -s.record.steps))
    return next((s for s in solutions if s.record.seed == seed), furthest)


def recording_of(path: Path) -> Recording | None:
    """Return the recording beside a solution file, or None if there is none to be read."""
    run_id = path.stem.rpartition("-")[2]
    for name in (f"{run_id}.{RECORDING}", RECORDING):
        with contextlib.suppress(CorruptFileError):
            return Recording.load(path.with_name(name))
    return None


RUNS = Collection(
    noun=later("run"),
    place="solutions",
    file=RECORDING,
    read=FORMAT.read_header,
    advice=later("It may have been made elsewhere; import its solutions."),
    ships_in="",
)
run_folder = RUNS.folder_of


def shipped_runs() -> list[Path]:
    """Return the folders of the runs that ship with the project, those with a recording."""
    return [file.parent for file in RUNS.shipped()]


def race_of(folder: Path) -> Race | None:
    """Return what is noted beside a run of its race, or None."""
    return Race.kept(folder / RACE)
