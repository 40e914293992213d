"""Paths, planes, experiments, analyses, models, leftovers: listed, deleted, put back."""

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from explorer.assets import packaged
from explorer.base import database, folders
from explorer.base.database import JobRow, transaction
from explorer.base.errors import BadInputError
from explorer.experiments import runs
from explorer.inside.result import FILE as INSIDE
from explorer.jobs import client
from explorer.landscape.surroundings import Surroundings, SurroundingsHeader
from explorer.library import items as library
from explorer.library import trash
from explorer.library.holdings import DAY, LISTS
from explorer.library.item import Item
from explorer.paths import places
from explorer.paths.result import FILE
from explorer.specs.jobs import DownloadSpec

RECORDED = folders.PROJECT / "cache" / "recorded"


def _ids(kind: Any) -> list[str]:
    return [item.id for item in library.items(kind)]


def _copy(source: Path, to: Path) -> Path:
    folders.make(to.parent)
    return Path(shutil.copy(source, to))


@pytest.fixture
def everything(own_cache: Path, shipped: Path) -> Path:
    """A cache with one of each kind, copied from what ships or made up."""
    (paths,) = (RECORDED / "paths" / "1-four-texts").rglob(FILE)
    (look,) = (RECORDED / "inside").rglob(INSIDE)
    (plane,) = (RECORDED / "landscape").rglob(f"*{places.LANDSCAPE}")
    _copy(paths, places.folder_of("pathsjob") / FILE)
    (places.folder_of("pathsjob") / places.CONTROL_POINT).write_bytes(b"point")
    _copy(plane, places.folder_of("planejob") / places.LANDSCAPE)
    _copy(look, places.folder_of("lookjob") / INSIDE)
    around = SurroundingsHeader(
        model="tiny", fingerprint="f" * 64, solution="s-1", solution_seed=0, text="The heron",
        norm=1.0, seed=0, created="2026-03-04T05:06:07+00:00",
    )  # fmt: skip
    import numpy as np

    Surroundings(around, np.zeros(2), np.zeros((1, 2), dtype=np.float32), np.zeros(1)).save(
        places.folder_of("radiusjob") / places.RADIUS
    )
    run = next((RECORDED / "experiments").glob("*/run.json")).parent
    shutil.copytree(run, runs.folder_of(run.name))
    folders.make(own_cache / "claims" / run.name).joinpath("x.lock").touch()
    for file in (RECORDED / "analyses").glob("*"):
        if file.name.startswith(("distances-3b1a", "depth-3b1a", "map-0174")):
            _copy(file, own_cache / "analyses" / file.name)
    for asset in packaged.ALL:
        folders.make(packaged.path(asset)).joinpath("file").write_bytes(b"weights")
    return own_cache


def _state(cache: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(cache)): file.read_bytes()
        for file in sorted(cache.rglob("*"))
        if file.is_file() and "explorer." not in file.name and "trash" not in file.parts
    }


def test_all_kinds_are_listed_with_what_they_say(everything: Path) -> None:
    (paths,) = library.items("paths")
    assert (paths.id, paths.facts["asks"], paths.facts["model"]) == (
        "pathsjob",
        "24 pairs",
        "smollm2-135m",
    )
    assert paths.text.startswith("The heron waits") and paths.created.startswith("2026-11")
    planes = {item.id: item for item in library.items("landscape")}
    assert planes["planejob"].facts["asks"] == "landscape"
    assert planes["radiusjob"].facts["asks"] == "radius"
    assert planes["radiusjob"].text == "The heron"
    assert planes["lookjob"].facts["asks"] == "inside"
    assert planes["lookjob"].text.startswith("Castle Row won")
    (experiment,) = library.items("experiment")
    assert experiment.facts["asks"] in experiment.text and experiment.id[:6] in experiment.text
    texts = {item.facts["asks"]: item.text for item in library.items("analysis")}
    assert set(texts) == {"distances", "depth", "map"}
    assert texts["depth"].startswith("Distances by layer, set ")
    assert texts["distances"].startswith("Distances, set ") and " of " in texts["map"]
    assert {item.text for item in library.items("asset")} == {asset.title for asset in packaged.ALL}
    found = [item for kind in LISTS for item in library.items(kind)]  # type: ignore[arg-type]
    assert len(found) == 10
    assert all(item.created and item.problem is None and not item.ships for item in found)


@pytest.mark.parametrize(
    ("kind", "places_"),
    [
        ("paths", ("paths/pathsjob/",)),
        ("landscape", ("paths/planejob/", "paths/radiusjob/", "paths/lookjob/")),
        ("experiment", ("experiments/", "claims/")),
        ("analysis", ("analyses/",)),
        ("asset", ("models/", "assets/")),
    ],
)
def test_each_goes_with_all_that_is_its_own_and_comes_back(
    everything: Path, kind: Any, places_: tuple[str, ...]
) -> None:
    before, listed = _state(everything), library.items(kind)
    deletion = trash.throw(listed)
    assert library.items(kind) == []
    gone = before.keys() - _state(everything).keys()
    assert gone == {file for file in before if file.startswith(places_)} and gone
    trash.undo(deletion.id)
    assert _state(everything) == before and library.items(kind) == listed


def test_one_analysis_takes_its_table_along_and_leaves_the_others(everything: Path) -> None:
    (distances,) = [i for i in library.items("analysis") if i.facts["asks"] == "distances"]
    trash.throw([distances])
    left = [file.name for file in (everything / "analyses").iterdir()]
    assert {name.partition("-")[0] for name in left} == {"depth", "map"}


def test_an_experiment_takes_its_work_and_claims_along(everything: Path) -> None:
    (run,) = library.items("experiment")
    work = folders.make(everything / "jobs" / f"run-{run.id}") / "half"
    work.write_bytes(b"half a cell")
    deletion = trash.throw([run])
    assert not work.exists() and not (everything / "claims" / run.id).exists()
    trash.undo(deletion.id)
    assert work.read_bytes() == b"half a cell"


@pytest.mark.parametrize("kind", ["paths", "landscape"])
def test_what_an_open_job_writes_is_not_deleted(everything: Path, kind: Any) -> None:
    job = client.submit(DownloadSpec(model="some/model"))
    (item,) = library.items(kind)[:1]
    assert item.path is not None
    item.path.rename(places.folder_of(job))
    (item,) = [i for i in library.items(kind) if i.id == job]
    with pytest.raises(BadInputError, match="is not over"):
        trash.throw([item])
    assert places.folder_of(job).exists()


def test_what_ships_is_listed_last_and_kept(everything: Path, shipped: Path) -> None:
    (file,) = (RECORDED / "paths" / "1-four-texts").rglob(FILE)
    _copy(file, shipped / "paths" / "1-four" / FILE)
    own, ships = library.items("paths")
    assert (own.ships, ships.ships, ships.id) == (False, True, "1-four")
    with pytest.raises(BadInputError, match="ships"):
        trash.throw([ships])


@pytest.mark.parametrize("damage", [b"", b"{}", b"[1]", b"no JSON", bytes(20)])
def test_what_is_damaged_is_listed_and_can_be_deleted(everything: Path, damage: bytes) -> None:
    for file in (*everything.rglob("*.safetensors"), *everything.rglob("*.json")):
        file.write_bytes(damage)
    for kind in ("paths", "landscape", "experiment", "analysis"):
        items: list[Item] = library.items(kind)  # type: ignore[arg-type]
        assert items and all(item.text for item in items)
        if kind != "analysis":  # those are listed by their names
            assert all("damaged" in (item.problem or "") for item in items)
        trash.throw(items)
        assert library.items(kind) == []  # type: ignore[arg-type]


def _job(state: str) -> str:
    job = client.submit(DownloadSpec(model="some/model"))
    with transaction() as session:
        row = session.get(JobRow, job)
        assert row is not None
        row.state = state
    folder = folders.make(client.folder_of(job))
    (folder / "frames.log").write_bytes(b"frames")
    return job


def _age(path: Path, seconds: float = 2 * DAY) -> None:
    for each in (*path.rglob("*"), path):
        os.utime(each, (time.time() - seconds,) * 2)


def test_leftovers_are_what_nobody_has_touched_for_a_day_and_nothing_needs(own_cache: Path) -> None:
    states = ("queued", "running", "paused", "done", "failed", "stopped")
    of = {state: _job(state) for state in states}
    fresh = _job("done")
    for job in of.values():
        _age(client.folder_of(job))
    for name, text in {
        "jobs/gone/checkpoint": "x", "jobs/set-aa/crews": "x", "jobs/set-bb/crews": "x",
        "jobs/run-cc/cell": "x", "jobs/run-dd/cell": "x", "sets/aa/set.json": "{}",
        "jobs/run-dd/.cell.1.tmp": "x",
        "experiments/cc/run.json": "{}", "incoming/half.safetensors": "x",
        "assets/.model.staging/wheel": "x", "solutions/run1/.a.safetensors.123456.tmp": "x",
        "solutions/run1/.b.safetensors.123456.tmp": "x", "trash/t/held/.c.tmp": "x",
    }.items():  # fmt: skip
        file = own_cache / name
        folders.make(file.parent)
        file.write_text(text)
    for place in ("jobs/gone", "jobs/set-aa", "jobs/set-bb", "jobs/run-cc", "jobs/run-dd",
                  "jobs/run-dd/.cell.1.tmp",
                  "incoming/half.safetensors", "assets/.model.staging", "trash/t",
                  "solutions/run1/.a.safetensors.123456.tmp"):  # fmt: skip
        _age(own_cache / place)
    expected = {of[state] for state in ("done", "failed", "stopped")} | {
        "gone",
        "set-bb",
        "run-dd",
        "incoming/half.safetensors",
        "assets/.model.staging",
        "solutions/run1/.a.safetensors.123456.tmp",
    }
    assert set(_ids("leftover")) == expected
    before = _state(own_cache)
    deletion = trash.throw(library.items("leftover"))
    assert library.items("leftover") == [] and client.folder_of(fresh).exists()
    assert all(client.get(job).id == job for job in of.values())  # their rows stay
    trash.undo(deletion.id)
    assert _state(own_cache) == before
    _age(client.folder_of(fresh))
    assert fresh in _ids("leftover")


def test_a_job_that_goes_on_meanwhile_keeps_what_it_left(own_cache: Path) -> None:
    job = _job("failed")
    _age(client.folder_of(job))
    items = library.items("leftover")
    with transaction() as session:
        row = session.get(JobRow, job)
        assert row is not None
        row.state = "queued"
    with pytest.raises(BadInputError, match="is not over"):
        trash.throw(items)
    assert (client.folder_of(job) / "frames.log").exists()


def test_without_a_catalogue_nothing_counts_as_left_over(own_cache: Path) -> None:
    _age(client.folder_of(_job("done")))
    database._engines.pop(own_cache / "explorer.db")[0].dispose()  # as in another process
    (own_cache / "explorer.db").write_bytes(b"this is a text, not a database. " * 40)
    for rest in ("explorer.db-wal", "explorer.db-shm"):
        (own_cache / rest).unlink(missing_ok=True)
    assert library.items("leftover") == []


def test_files_are_read_once(everything: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds: list[Any] = ["paths", "landscape", "experiment", "analysis"]
    first = [library.items(kind) for kind in kinds]
    read: list[object] = []
    monkeypatch.setattr(json, "loads", read.append)
    assert [library.items(kind) for kind in kinds] == first and read == []
