"""What the app writes besides solutions: paths, planes, experiments, analyses, models, leftovers.

Listed for the Library as items, from the metadata of files alone, each read once.
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from sqlalchemy import select

from explorer.assets import packaged
from explorer.base import folders
from explorer.base.database import JobRow, transaction
from explorer.base.errors import StorageError
from explorer.experiments import cell_locks, runs
from explorer.jobs import client
from explorer.library.item import Item, labels_of, time_of
from explorer.library.labels import NO_LABEL, Kind, Label
from explorer.paths import places
from explorer.paths.result import FILE

DAY = 86_400.0
"""Seconds for which nobody has touched what counts as left over."""
WORK = {"set": "sets", "run": "experiments"}
"""Beginnings of names of folders that hold work on something else, and where that lies."""


def paths() -> list[Item]:
    """Return the sets of paths of this machine and those that ship."""
    return list(_measured("paths", "paths", (FILE,)))


def landscapes() -> list[Item]:
    """Return planes through two solutions, and walks around one."""
    return list(_measured("landscape", "landscape", (places.LANDSCAPE, places.RADIUS)))


def _measured(kind: Kind, shipped: str, names: tuple[str, ...]) -> Iterator[Item]:
    """List the folders in which a job left a file of one of these names."""
    named = labels_of(kind)
    own = (folders.local() / "paths").glob("*/*.safetensors")
    found = {file: False for file in own if file.name in names}
    found |= {file: True for name in names for file in places.shipped(shipped, name)}
    for file, ships in found.items():
        said = _once(file, _header)
        solution = said.get("solution")
        what = "radius" if file.name == places.RADIUS else kind
        pairs = len(said.get("pairs", ()))
        yield Item(
            kind=kind,
            id=file.parent.name,
            text=_texts(said) or file.parent.name,
            path=file if ships else file.parent,
            created=str(said.get("created") or _made(file)),
            ships=ships,
            problem=None if said else f"{file.name} of {file.parent.name} is damaged; delete it.",
            label=NO_LABEL if ships else named.get(file.parent.name, NO_LABEL),
            facts={
                "asks": f"{pairs} pair{'s' * (pairs != 1)}" if what == "paths" else what,
                "of": f"solution {solution}" if solution else "",
                "model": str(said.get("model", "")),
                "arrangement": str(said.get("arrangement", "")),
            },
        )


def _texts(said: dict[str, Any]) -> str:
    """Return the targets that a header names, empty if it names none."""
    with contextlib.suppress(TypeError, KeyError):
        texts = said.get("texts") or [said["text"]]
        return " · ".join(t["text"] if isinstance(t, dict) else str(t) for t in texts)
    return ""


def experiments() -> list[Item]:
    """Return the runs of experiments; which job works on one is asked where they are deleted."""
    named = labels_of("experiment")
    found = []
    for folder in runs.run_folders():
        ships = folder.is_relative_to(folders.recorded())
        said = _once(folder / runs.HEADER_FILE, _json)
        settings = said.get("settings", {})
        name = str(settings.get("experiment", folder.name))
        found.append(
            Item(
                kind="experiment",
                id=folder.name,
                text=f"{name}, {said.get('preset', 'custom')} ({folder.name[:6]})",
                path=folder,
                created=str(said.get("created") or _made(folder)),
                ships=ships,
                problem=None if said else f"The run {folder.name} is damaged; delete it.",
                label=NO_LABEL if ships else named.get(folder.name, NO_LABEL),
                facts={"asks": name, "model": str(settings.get("model", ""))},
                more=(
                    runs.work_of(folder.name),
                    folders.local() / cell_locks.FOLDER / folder.name,
                ),
            )
        )
    return found


def analyses() -> list[Item]:
    """Return the maps and distances that were computed here: the files of one name are one."""
    named = labels_of("analysis")
    by_name: dict[str, list[Path]] = {}
    for file in sorted((folders.local() / "analyses").glob("[!.]*")):
        by_name.setdefault(file.stem, []).append(file)
    return [_analysis(name, files, named) for name, files in by_name.items()]


def _analysis(name: str, files: list[Path], named: dict[str, Label]) -> Item:
    said = next((_once(file, _json) for file in files if file.suffix == ".json"), {})
    spec = said.get("spec", {})
    text, what = name, name.partition("-")[0]
    with contextlib.suppress(KeyError, TypeError):
        if what == "map":
            text = f"{spec['method'].upper()} of {spec['vector']}, {_sets(spec['sets'])}"
        else:
            text = f"Distances, {_sets([said['set']])}"
    return Item(
        kind="analysis",
        id=name,
        text=text,
        path=files[0],
        created=_made(files[0]),
        label=named.get(name, NO_LABEL),
        facts={"asks": what},
        more=tuple(files[1:]),
    )


def _sets(ids: Iterable[str]) -> str:
    short = [name[:6] for name in ids]
    return f"set{'s' * (len(short) != 1)} {', '.join(short)}"


def stored_assets() -> list[Item]:
    """Return the models and texts that were fetched into this cache."""
    titles = {packaged.path(asset): asset.title for asset in packaged.ALL}
    found = [
        (folder, kind)
        for place, kind in (("models", "model"), ("assets", "texts"))
        for folder in sorted((folders.local() / place).glob("[!.]*/"))
    ]
    return [
        Item(
            kind="asset",
            id=f"{folder.parent.name}/{folder.name}",
            text=titles.get(folder, folder.name),
            path=folder,
            created=_made(folder),
            facts={"asks": kind},
        )
        for folder, kind in found
    ]


def leftovers() -> list[Item]:
    """Return what nothing needs: frames of jobs that are over, half-written and half-fetched files.

    Only what nobody has touched for a day. A failed job may go on from its checkpoint: without it
    the job starts anew.
    """
    try:
        with transaction() as session:
            rows = session.execute(select(JobRow.id, JobRow.state)).all()
    except StorageError:
        return []  # whose they are is not known
    states: dict[str, str] = dict(rows)
    root = folders.local()
    found = [
        (folder, said)
        for folder in (root / "jobs").glob("*/")
        if (said := _nobody_needs(folder.name, states))
    ]
    found += [(file, "unfinished import") for file in (root / "incoming").glob("*")]
    found += [(folder, "unfinished download") for folder in (root / "assets").glob(".*.staging")]
    found += [(file, "unfinished file") for file in root.rglob(".*.tmp")]
    return [
        Item(
            kind="leftover",
            id=path.name if path.parent == root / "jobs" else path.relative_to(root).as_posix(),
            text=path.name,
            path=path,
            created=time_of(touched),
            facts={"asks": said},
        )
        for path, said in found
        if path.relative_to(root).parts[0] != "trash"
        and (touched := _touched(path)) < time.time() - DAY
    ]


def _nobody_needs(name: str, states: dict[str, str]) -> str:
    """Return of what a folder below jobs/ is that nobody needs, empty if somebody may."""
    what, _, of = name.partition("-")
    if what in WORK and of:
        there = (folders.local() / WORK[what] / of).exists()
        return "" if there else f"deleted {what}"
    if name not in states:
        return "deleted job"
    return f"{states[name]} job" if states[name] in client.OVER else ""


def _touched(path: Path) -> float:
    """Return when a file, a folder or something in it was changed last (UNIX time)."""
    newest = 0.0
    for each in (path, *(path.rglob("*") if path.is_dir() else ())):
        with contextlib.suppress(OSError):
            newest = max(newest, each.stat().st_mtime)
    return newest


def _made(path: Path) -> str:
    with contextlib.suppress(OSError):
        return time_of(path.stat().st_mtime)
    return ""


def _once(file: Path, read: Callable[[Path], Any]) -> dict[str, Any]:
    """Return what a file says of itself, empty if that cannot be read; read again if it changes."""
    with contextlib.suppress(OSError):
        state = file.stat()
        return _read_once(file, read, state.st_size, state.st_mtime_ns)
    return {}


@lru_cache(maxsize=10_000)
def _read_once(
    file: Path, read: Callable[[Path], Any], _size: int, _changed: int
) -> dict[str, Any]:
    try:
        said = read(file)
    except (OSError, ValueError, SafetensorError, StopIteration):
        return {}
    if not isinstance(said, dict):
        return {}
    large = ("pieces", "coordinates", "solutions")
    return {name: value for name, value in said.items() if name not in large}


def _json(file: Path) -> Any:
    return json.loads(file.read_bytes())


def _header(file: Path) -> Any:
    """Return the JSON in a safetensors file's metadata: it has one key, of the kind of result."""
    with safe_open(file, framework="numpy") as opened:
        return json.loads(next(iter((opened.metadata() or {}).values())))


LISTS: dict[str, Callable[[], list[Item]]] = {
    "paths": paths,
    "landscape": landscapes,
    "experiment": experiments,
    "analysis": analyses,
    "asset": stored_assets,
    "leftover": leftovers,
}
"""How each of these kinds is listed."""
