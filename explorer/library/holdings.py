"""Lists what the app writes besides solutions: paths, planes, experiments, analyses, leftovers.

As items for the Library, from the metadata of files alone, each read once.
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import select

from explorer.assets import packaged
from explorer.base import folders
from explorer.base.collection import Stored, read_once
from explorer.base.database import JobRow, transaction
from explorer.base.errors import CorruptFileError, StorageError
from explorer.base.files import files_below
from explorer.base.formatting import counted
from explorer.base.language import later, tr
from explorer.experiments import cell_locks, runs
from explorer.inside.result import LOOKS
from explorer.jobs import client
from explorer.landscape.result import LANDSCAPES
from explorer.landscape.surroundings import WALKS, SurroundingsHeader
from explorer.library.item import Item, listed, made, time_of
from explorer.paths import places
from explorer.paths.header import PathsHeader

DAY = 86_400.0
"""Seconds for which nobody has touched what counts as left over."""
WORK = {later("set"): "sets", later("run"): "experiments"}
"""Beginnings of names of folders that hold work on something else, and where that lies."""


def landscapes() -> list[Item]:
    """Return planes through two solutions, walks around one, and looks inside one."""
    planes = listed("landscape", LANDSCAPES, lambda found: _between(found, "landscape"))
    walks = listed("landscape", WALKS, lambda found: _between(found, "radius"))
    return planes + walks + listed("landscape", LOOKS, lambda found: _between(found, "inside"))


def _between(found: Stored[Any], what: str) -> dict[str, Any]:
    """Describe paths, a plane, a walk or a look inside."""
    said, solution = found.said, getattr(found.said, "solution", "")
    texts: list[str] = []
    if isinstance(said, PathsHeader):
        texts, what = [text.text for text in said.texts], counted(len(said.pairs), "pair")
    elif said is not None:
        texts = [said.text if isinstance(said, SurroundingsHeader) else said.text.text]
    return {
        "text": " · ".join(texts) or found.folder.name,
        "path": found.file if found.ships else found.folder,
        "facts": {
            "asks": what,
            "of": f"solution {solution}" if solution else "",
            "model": said.model if said else "",
            "arrangement": getattr(said, "arrangement", ""),
        },
    }


def _experiment(run: Stored[runs.Header]) -> dict[str, Any]:
    header = run.said
    name = header.settings.experiment if header else run.id
    return {
        "text": f"{name}, {header.preset if header else 'custom'} ({run.id[:6]})",
        "facts": {"asks": name, "model": header.settings.model if header else ""},
        "more": (runs.work_of(run.id), folders.local() / cell_locks.FOLDER / run.id),
    }


REPORTS = {
    "distances": later("Distances"),
    "depth": later("Distances by layer"),
    "roles": later("e against m"),
}
"""What reports on a set are called, by the beginning of their files' names."""


def analyses() -> list[Item]:
    """Return the maps and distances that were computed here: the files of one name are one."""
    by_name: dict[str, list[Path]] = {}
    for file in sorted((folders.local() / "analyses").glob("[!.]*")):
        by_name.setdefault(file.stem, []).append(file)
    return [_analysis(name, files) for name, files in by_name.items()]


def _analysis(name: str, files: list[Path]) -> Item:
    said = next((read_once(_json, f)[0] for f in files if f.suffix == ".json"), None) or {}
    spec = said.get("spec", {})
    text, what = name, name.partition("-")[0]
    with contextlib.suppress(KeyError, TypeError):
        if what == "map":
            of = tr("hidden states") if spec.get("place") else spec["vector"]
            method = tr("{method} of {what}", method=spec["method"].upper(), what=of)
            text = f"{method}, {_sets(spec['sets'])}"
        else:
            text = f"{tr(REPORTS[what])}, {_sets([said['set']])}"
    return Item(
        kind="analysis",
        id=name,
        text=text,
        path=files[0],
        created=made(files[0]),
        facts={"asks": what},
        more=tuple(files[1:]),
    )


def _sets(ids: Iterable[str]) -> str:
    short = [name[:6] for name in ids]
    if len(short) == 1:
        return tr("set {id}", id=short[0])
    return tr("sets {ids}", ids=", ".join(short))


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
            created=made(folder),
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
    found += [(file, tr("unfinished import")) for file in (root / "incoming").glob("*")]
    found += [
        (folder, tr("unfinished download")) for folder in (root / "assets").glob(".*.staging")
    ]
    listed = {path for path, _ in found}
    found += [
        (file, tr("unfinished file"))
        for file in files_below(root, ".*.tmp")
        if not listed.intersection(file.parents)
    ]
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
        return "" if there else tr("deleted: {what}", what=tr(what))
    if name not in states:
        return tr("deleted: {what}", what=tr("job"))
    return tr("job: {state}", state=tr(states[name])) if states[name] in client.OVER else ""


def _touched(path: Path) -> float:
    """Return when a file, a folder or something in it was changed last (UNIX time)."""
    newest = 0.0
    for each in (path, *files_below(path)):
        with contextlib.suppress(OSError):
            newest = max(newest, each.stat().st_mtime)
    return newest


def _json(file: Path) -> dict[str, Any]:
    """Read the JSON of an analysis, without what is large."""
    try:
        said = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise CorruptFileError(tr("{name} is damaged.", name=file.name)) from error
    large = ("coordinates", "solutions", "layers", "rows", "points", "layouts", "probes", "noise")
    known = said if isinstance(said, dict) else {}
    return {name: value for name, value in known.items() if name not in large}


LISTS: dict[str, Callable[[], list[Item]]] = {
    "paths": lambda: listed("paths", places.PATHS, lambda found: _between(found, "paths")),
    "landscape": landscapes,
    "experiment": lambda: listed("experiment", runs.RUNS, _experiment),
    "analysis": analyses,
    "asset": stored_assets,
    "leftover": leftovers,
}
"""How each of these kinds is listed."""
