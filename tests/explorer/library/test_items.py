import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from explorer.base import database, folders
from explorer.base.database import JobRow, transaction
from explorer.base.errors import BadInputError
from explorer.base.tensor_files import TensorFormat
from explorer.jobs import client
from explorer.library import items, trash
from explorer.solutions import sets, store
from explorer.solutions.solution import FORMAT, Solution, save_solution
from explorer.specs.jobs import DistancesSpec, DownloadSpec, MapSpec

Kept = Callable[..., Solution]
pytestmark = pytest.mark.usefixtures("shipped")


@pytest.mark.parametrize("kind", ["solution", "run", "set", "job"])
def test_an_empty_library_lists_nothing(kind: Any) -> None:
    assert items.items(kind) == []


def test_solutions_come_newest_first_and_those_that_ship_last(
    kept: Kept, shipped: Path, make_solution: Kept
) -> None:
    made = [kept(number) for number in (2, 9, 5)]
    save_solution(make_solution(id="s-1", seed=99, created="2030-01-01"), shipped / "x.safetensors")
    found = items.items("solution")
    assert [item.record.seed for item in found if item.record] == [9, 5, 2, 99]
    assert [item.ships for item in found] == [False] * 3 + [True]
    assert [item.facts["origin"] for item in found] == ["own"] * 3 + ["recorded"]
    assert found[0].length == 3 and found[0].text == made[1].record.text


def test_a_name_stands_for_the_text_and_leaves_the_file_alone(kept: Kept) -> None:
    kept(1)
    (item,) = items.items("solution")
    assert item.path is not None
    before = item.path.read_bytes()
    items.relabel(item, name="The heron", note="", tags=["bird"])
    (named,) = items.items("solution")
    assert (named.title, named.label.tags, named.text) == ("The heron", ("bird",), item.text)
    assert item.path.read_bytes() == before


def test_what_ships_cannot_be_renamed(shipped: Path, make_solution: Kept) -> None:
    save_solution(make_solution(), shipped / "x.safetensors")
    (item,) = items.items("solution")
    with pytest.raises(BadInputError, match="cannot be renamed"):
        items.relabel(item, name="mine", note="", tags=[])


def test_a_run_sums_up_its_restarts(kept: Kept, record_run: Callable[..., Path]) -> None:
    kept(1, run="r", accuracy=1.0, exact=True, c_tokens=3)
    kept(2, run="r")
    record_run(store.run_folder("r"), seeds=(1, 2))
    kept(3, run="without a recording")
    (run,) = items.items("run")
    assert (run.id, run.length, run.facts["restarts"], run.facts["exact"]) == ("r", 3, 2, 1)
    assert run.facts["accuracy"] == 1.0 and run.created == "2026-01-01T00:00:02+00:00"


def test_runs_that_ship_have_names_of_their_own(
    kept: Kept, record_run: Callable[..., Path], shipped: Path
) -> None:
    kept(1, run="1-ferry")
    record_run(store.run_folder("1-ferry"))
    record_run(shipped / "reconstruct" / "1-ferry")
    own, ships = items.items("run")
    assert (own.id, own.ships, ships.id, ships.ships) == (
        *("1-ferry", False),
        *("reconstruct/1-ferry", True),
    )


def test_sets_are_listed_by_their_files(own_cache: Path, make_set: Callable[..., str]) -> None:
    good = make_set()
    for name, text in {"bare": "{}", "list": "[1]", "broken": "{"}.items():
        folder = folders.make(own_cache / "sets" / name)
        (folder / sets.SET_FILE).write_text(text)
    found = {item.id: item for item in items.items("set")}
    assert found[good].problem is None and found[good].created[:4] == "2026"
    for name in ("bare", "list", "broken"):
        assert found[name].title == name and "damaged" in (found[name].problem or "")


def test_a_set_is_called_what_it_is(make_set: Callable[..., str]) -> None:
    """As on every other page; a hash alone tells nobody which set it is."""
    name = make_set()
    (item,) = items.items("set")
    assert item.text == sets.load(sets.find(name)).name
    assert all(part in item.title for part in ("tiny", "N = 3", "3 contexts", name[:6]))
    assert item.facts["model"] == "tiny" and item.length == 3
    items.relabel(item, name="Herons", note="", tags=[])
    assert [item.title for item in items.items("set")] == ["Herons"]


def test_jobs_about_sets_name_the_set(make_set: Callable[..., str]) -> None:
    name = make_set()
    client.submit(DistancesSpec(set=name))
    client.submit(MapSpec(sets=(name,)))
    assert all("N = 3" in item.text and name[:6] in item.text for item in items.items("job"))
    for item in items.items("job"):
        client.ask(item.id, "stop")  # what an open job needs cannot be deleted
    trash.throw(items.items("set"))
    assert {item.text for item in items.items("job")} == {f"set {name}", f"sets {name}"}


def test_a_set_that_has_lost_a_file_is_listed_with_what_is_left(
    make_set: Callable[..., str],
) -> None:
    name = make_set()
    (item,) = items.items("set")
    assert "missing" not in item.facts
    next((folders.local() / "sets" / name).glob("*.safetensors")).unlink()
    (item,) = items.items("set")
    assert item.problem is None and (item.facts["missing"], item.facts["left"]) == (1, 14)


def test_jobs_are_listed_also_those_of_another_version() -> None:
    good, foreign = (client.submit(DownloadSpec(model="some/model")) for _ in range(2))
    with transaction() as session:
        row = session.get(JobRow, foreign)
        assert row is not None
        row.spec = '{"kind": "dance"}'
    found = {item.id: item for item in items.items("job")}
    assert (found[good].text, found[good].facts["state"]) == ("some/model", "queued")
    assert found[good].problem is None and "another version" in (found[foreign].problem or "")


def test_files_that_cannot_be_read_are_listed_with_their_problem(
    kept: Kept, record_run: Callable[..., Path]
) -> None:
    kept(1)
    (store.run_folder("run1") / "broken.safetensors").write_bytes(b"no solution")
    record_run(store.run_folder("run1")).write_bytes(b"no recording")
    problems = [item.problem for item in items.items("solution") if item.problem]
    assert len(problems) == 1 and "broken.safetensors" in problems[0]
    (run,) = items.items("run")
    assert run.problem is not None and run.problem.startswith("Run run1: recording.safetensors")


def test_without_a_catalogue_files_are_listed_all_the_same(kept: Kept, own_cache: Path) -> None:
    kept(1)
    client.submit(DownloadSpec(model="some/model"))
    database._engines.pop(own_cache / "explorer.db")[0].dispose()  # as in another process
    (own_cache / "explorer.db").write_bytes(b"this is a text, not a database. " * 40)
    for rest in ("explorer.db-wal", "explorer.db-shm"):
        (own_cache / rest).unlink(missing_ok=True)
    assert len(items.items("solution")) == 1
    assert items.items("job") == []


def test_two_thousand_solutions_are_listed_quickly(
    make_solution: Kept, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files are read once; afterwards only what changed is."""
    data = save_solution(make_solution(), own_cache / "one.safetensors").read_bytes()
    for number in range(2_000):
        folder = folders.make(own_cache / "solutions" / f"run{number // 4}")
        changed = data.replace(b"0123456789ab-00000001", b"%012x-00000001" % number)
        (folder / f"{number}.safetensors").write_bytes(changed)
    assert len(items.items("solution")) == 2_000
    read: list[Path] = []
    plain = FORMAT.measure
    monkeypatch.setattr(
        TensorFormat, "measure", lambda _, path: (read.append(path), plain(path))[1]
    )
    start = time.process_time()
    assert len(items.items("solution")) == 2_000
    assert read == []
    assert time.process_time() - start < 1.0
