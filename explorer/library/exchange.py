"""Giving solutions away and taking in what somebody else made.

An export is one zip: solution files in a folder for each run (with the run's recording), and a
CSV table of them all. An import is such a zip or a single solution file; nothing in it is trusted.
"""

import contextlib
import io
import uuid
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path, PurePosixPath

import pandas as pd

from explorer.assets import catalog
from explorer.assets.fingerprint import fingerprint, matches
from explorer.assets.tokenizing import Tokenizer
from explorer.base import folders
from explorer.base.errors import (
    BadInputError,
    CorruptFileError,
    ExplorerError,
    ModelError,
    disk_errors,
)
from explorer.base.files import csv_of, write_atomically, zip_of
from explorer.base.language import later, tr
from explorer.base.provenance import in_words
from explorer.library.items import Item
from explorer.library.selection import size_of
from explorer.solutions import store
from explorer.solutions.recording import Recording
from explorer.solutions.solution import Memory, Solution, load

TABLE = "solutions.csv"
MAX_FILES, MAX_SOLUTION = 50_000, 20_000_000
MAX_RECORDING = 300_000_000
"""Bytes of a recording: 200 frames of 64 restarts of 2,048 tokens take 262 MB."""
MAX_BYTES, MAX_RATIO = 50_000_000, 200
"""A zip may unpack to the first, or to so many times its own size, whichever is more."""
PART_BYTES, PART_FILES = 100_000_000, 10_000
"""Beyond either an export is divided. A part fits into one upload (`server.maxUploadSize`), also
one that holds nothing but the longest run."""
_EXTRAS = (store.RECORDING, store.RACE)

Files = dict[str, Callable[[], bytes]]
"""What came in one folder: a file's name, and what reads it."""


@dataclass(frozen=True)
class Arrival:
    """One solution that was taken in, or not.

    Attributes:
        file: its name as it came.
        id: of the solution, None if it was refused.
        sentence: what was found out about it.
    """

    file: str
    id: str | None
    sentence: str


def table(items: Sequence[Item]) -> pd.DataFrame:
    """Return one line for each solution: id, name, note, tags, N, its record, its recipe."""
    lines = []
    for item in items:
        if item.record is None:
            continue
        record = item.record.model_dump(exclude={"recipe", "id"})
        record["versions"] = in_words(item.record.versions)
        recipe = {f"recipe_{name}": value for name, value in item.record.recipe.shown.items()}
        label = item.label.model_dump() | {"tags": ", ".join(item.label.tags)}
        lines.append({"id": item.id, **label, "N": item.length, **record, **recipe})
    return pd.DataFrame(lines)


def parts(items: Sequence[Item]) -> list[list[Item]]:
    """Divide solutions into exports of which each is small enough to be imported again.

    The solutions of a run that was recorded stay together; the order is that of the folders.
    """
    good = [item for item in items if item.record is not None and item.path is not None]
    divided: list[list[Item]] = []
    taken, before = 0, None
    for item in sorted(good, key=lambda item: str(item.path and item.path.parent)):
        assert item.path is not None
        extras = [path for path in map(item.path.with_name, _EXTRAS) if path.is_file()]
        new = item.path.parent != before
        size = size_of(item.path) + (sum(map(size_of, extras)) if new else 0)
        full = taken + size > PART_BYTES or (divided and len(divided[-1]) >= PART_FILES)
        if not divided or (full and (new or not extras)):
            divided.append([])
            taken = 0
        divided[-1].append(item)
        taken, before = taken + size, item.path.parent
    return divided


def export(items: Sequence[Item]) -> bytes:
    """Return a zip of solutions, their runs' recordings and their table.

    Raises:
        BadInputError: if there is no readable solution among them.
        StorageError: if a file cannot be read any more.
    """
    good = [item for item in items if item.record is not None and item.path is not None]
    if not good:
        raise BadInputError(
            tr("There is nothing to export: select at least one readable solution.")
        )
    paths = [item.path for item in good if item.path is not None]
    extras = sorted({path.with_name(name) for path in paths for name in _EXTRAS})
    files = [*paths, *(extra for extra in extras if extra.is_file())]
    with disk_errors(
        tr("A file cannot be read any more"), later("Reload the page and select again.")
    ):
        named = ((f"{file.parent.name}/{file.name}", file) for file in files)
        return zip_of([(TABLE, csv_of(table(good))), *named])


def take_in(
    name: str, data: bytes, may_name: Callable[[str], bool] = lambda path: True
) -> list[Arrival]:
    """Store the solutions of somebody else's file, each checked; say of each what became of it.

    A solution is refused if it is damaged, does not agree with itself, is here already, or was
    trained on other weights than the model of that name on this disk.

    Args:
        name: the file's name; `.zip` for several.
        data: its bytes.
        may_name: whether whoever sends it may have a path read; a solution's model may be one.

    Raises:
        BadInputError: if it is neither a solution file nor a zip of some, or too large.
        StorageError: if the disk refuses.
    """
    known = {entry.id for entry in store.entries() if entry.record}
    arrivals: list[Arrival] = []
    for files in chain.from_iterable(map(_by_run, _groups(name, data).values())):
        folder = folders.local() / "solutions" / f"{store.IMPORTED}{uuid.uuid4().hex[:8]}"
        for file in sorted(files.keys() - set(_EXTRAS)):
            arrival = _keep(folder, file, files[file], known, may_name)
            arrivals.append(arrival)
            if arrival.id is not None:
                known.add(arrival.id)
        if folder.is_dir():  # something of it was kept
            _keep_extras(folder, files)
    if not arrivals:
        raise BadInputError(tr("{name} holds no solution files (.safetensors).", name=name[:80]))
    return arrivals


def check(solution: Solution | Memory, may_name: Callable[[str], bool] = lambda path: True) -> str:
    """Check either kind against itself and the model on this disk; return what was found.

    Raises:
        BadInputError: if it cannot be what it says it is, or belongs to other weights.
    """
    record = solution.record
    if f"{record.id}.safetensors".endswith(store.NOT_SOLUTIONS):
        raise BadInputError(tr("Its id is not one that the explorer gives."))
    absent = later(
        "The model {model} is not downloaded, so the solution could not be checked against it."
    )
    if catalog.is_path(record.model) and not may_name(record.model):
        return tr(absent, model=record.model[:80])
    try:
        card = catalog.find(record.model)
    except ExplorerError:
        return tr(absent, model=record.model[:80])
    if card.folder is None:
        return tr(absent, model=card.title)
    if not matches(card.folder, record.fingerprint):
        raise BadInputError(
            tr(
                "It was trained on other weights than {title} on this disk (fingerprint "
                "{theirs}, not {ours}).",
                title=card.title,
                theirs=record.fingerprint[:8],
                ours=fingerprint(card.folder)[:8],
            )
        )
    if card.d_model not in (None, solution.d_model):
        raise BadInputError(
            tr(
                "Its vectors have {theirs} numbers, not {ours}.",
                theirs=solution.d_model,
                ours=card.d_model,
            )
        )
    if card.vocab_size is not None and int(solution.target_ids.max()) >= card.vocab_size:
        raise BadInputError(tr("It holds token ids that {title} does not have.", title=card.title))
    try:
        said = Tokenizer.load(card.folder).decode(solution.target_ids.tolist())
    except ModelError as error:
        return tr("{error} So its text could not be checked.", error=error)
    if said != record.text:
        raise BadInputError(
            tr("Its text is not what its token ids spell in {title}.", title=card.title)
        )
    return tr("It belongs to the weights of {title} on this disk.", title=card.title)


def _keep(
    folder: Path,
    file: str,
    read: Callable[[], bytes],
    known: set[str],
    may_name: Callable[[str], bool],
) -> Arrival:
    """Store one file if it is a good one."""
    with _waiting() as waiting:
        try:
            data = read()
            solution = load(write_atomically(waiting, data))
            if solution.record.id in known:
                return Arrival(file, None, tr("It is in the library already."))
            said = check(solution, may_name)
            write_atomically(folder / f"{solution.record.id}.safetensors", data)
        except (BadInputError, CorruptFileError) as error:
            return Arrival(file, None, str(error).replace(waiting.name, file))
    return Arrival(file, solution.record.id, said)


def _keep_extras(folder: Path, files: Files) -> None:
    """Store a run's recording and race beside its solutions, if they can be read."""
    for name in set(_EXTRAS) & files.keys():
        with contextlib.suppress(BadInputError, CorruptFileError), _waiting() as waiting:
            data = files[name]()
            write_atomically(waiting, data)
            is_race = name == store.RACE
            if store.Race.kept(waiting) if is_race else len(Recording.load(waiting)):
                write_atomically(folder / name, data)


@contextlib.contextmanager
def _waiting() -> Iterator[Path]:
    """Give the path of a file in which what came is looked at before it is kept."""
    path = folders.make(folders.local() / "incoming") / f"{uuid.uuid4().hex}.safetensors"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _groups(name: str, data: bytes) -> dict[str, Files]:
    """Return the files that came, by folder: of a zip all that matter, else the one file.

    What macOS adds for itself, a folder `__MACOSX` and names that begin with a dot, is passed over.

    Raises:
        BadInputError: if it is no zip that can be read, or unpacks to too much.
    """
    short = name[:80]
    if not name.lower().endswith(".zip"):
        return {"": {PurePosixPath(name).name[:120]: lambda: data}}
    if data.count(_ENTRY) > MAX_FILES:  # before a list of them is made
        raise BadInputError(
            tr(
                "{file} holds more than {most} files.",
                file=short,
                most=f"{MAX_FILES:,}",
            )
        )
    groups: defaultdict[str, Files] = defaultdict(dict)
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except Exception as error:  # as `_unpacked`
        raise BadInputError(tr("{file} is not a zip file that can be read.", file=short)) from error
    total = 0
    for info in archive.infolist():
        path = PurePosixPath(info.filename)
        hidden = "__MACOSX" in path.parts or path.name.startswith(".")
        if hidden or (path.suffix.lower() != ".safetensors" and path.name != store.RACE):
            continue
        most = MAX_RECORDING if path.name.endswith(store.RECORDING) else MAX_SOLUTION
        total += info.file_size  # no more than that is ever read
        if info.file_size > most or total > max(MAX_BYTES, MAX_RATIO * len(data)):
            raise BadInputError(
                tr("{file} unpacks to more than can be imported at once.", file=short)
            )
        groups[str(path.parent)][path.name[:120]] = partial(_unpacked, archive, info)
    return groups


def _by_run(files: Files) -> Iterator[Files]:
    """Yield a folder's files by run: the command line writes several runs into one folder.

    Their recordings are called by the end of their solutions' ids, and come out as any other.
    """
    left = dict(files)
    for name in files:
        run = name.removesuffix(f".{store.RECORDING}")
        if run != name:
            own = [file for file in left if PurePosixPath(file).stem.endswith(f"-{run}")]
            yield {store.RECORDING: left.pop(name)} | {file: left.pop(file) for file in own}
    yield left


_ENTRY = b"PK\x01\x02"
"""How the directory of a zip begins what it says of a file."""


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return one file of a zip.

    Raises:
        BadInputError: if it is damaged, encrypted, or packed in a way that is not known.
    """
    try:
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise NotImplementedError("bzip2 and LZMA unpack everything, whatever is asked for")
        with archive.open(info) as member:
            return member.read(info.file_size)  # without a number, all there is
    except Exception as error:  # zipfile lets those of every way of packing through
        raise BadInputError(tr("It cannot be unpacked; export it again.")) from error
