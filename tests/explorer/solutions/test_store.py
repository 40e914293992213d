import multiprocessing
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import event, select
from sqlalchemy.engine import Engine

from explorer.base import folders
from explorer.base.database import SolutionRow, transaction
from explorer.base.errors import BadInputError, StorageError
from explorer.solutions import store
from explorer.solutions.recording import Recording, RecordingHeader
from explorer.solutions.solution import Solution, load_solution, save_solution

MakeSolution = Callable[..., Solution]

HOSTILE = [
    "", ".", "..", "../../x", "/etc/passwd", "a/b", "a\\b", "*", "a*", "[a-z]", "?", "a\x00b", "-",
    "a.safetensors", "ａ", "<script>alert(1)</script>", "a" * 300, "a" * 5_000, "recording",
]  # fmt: skip


@pytest.fixture(autouse=True)
def shipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Stand in for the folder of results that ship with the project."""
    monkeypatch.setattr(folders, "recorded", lambda: tmp_path / "recorded")
    return tmp_path / "recorded"


@pytest.fixture
def numbered(make_solution: MakeSolution) -> Callable[..., Solution]:
    """Make a solution with an id, a seed and a time that follow from a number."""

    def make(number: int, **fields: Any) -> Solution:
        named = {
            "id": f"{number:012x}-00000000",
            "made_from": f"{number:012x}",
            "seed": number,
            "created": f"2026-01-01T00:00:{number:02d}+00:00",
        }
        return make_solution(**named | fields)

    return make


def _ids() -> list[str]:
    return [entry.id for entry in store.entries()]


def _catalogued() -> list[str]:
    with transaction() as session:
        return sorted(row.id for row in session.scalars(select(SolutionRow)))


def test_an_empty_store_lists_nothing() -> None:
    assert store.entries() == []
    assert store.shipped_runs() == []


def test_a_kept_solution_is_listed_and_found(numbered: MakeSolution) -> None:
    solution = numbered(7, job="run1")
    path = store.keep(solution, "run1")
    assert path.parent == store.run_folder("run1") == folders.local() / "solutions" / "run1"
    (entry,) = store.entries()
    assert entry == store.Entry(solution.record.id, path, solution.record, 3, ships=False)
    assert store.find(solution.record.id) == path
    np.testing.assert_array_equal(load_solution(path).e, solution.e)


def test_the_newest_comes_first_and_what_ships_last(shipped: Path, numbered: MakeSolution) -> None:
    for number in (2, 9, 5):
        store.keep(numbered(number), f"run{number}")
    save_solution(numbered(20), shipped / "first" / "s.safetensors")
    entries = store.entries()
    assert [e.record.seed for e in entries if e.record] == [9, 5, 2, 20]
    assert [e.ships for e in entries] == [False, False, False, True]


def test_keeping_twice_is_one_entry(numbered: MakeSolution) -> None:
    store.keep(numbered(1), "run")
    store.keep(numbered(1, title="again"), "run")
    (entry,) = store.entries()
    assert entry.record is not None and entry.record.title == "again"


def test_files_that_appear_are_taken_in(numbered: MakeSolution) -> None:
    solution = numbered(3)
    folder = store.run_folder("elsewhere")
    path = save_solution(solution, folder / f"{solution.record.id}.safetensors")
    assert _ids() == [solution.record.id]
    assert _catalogued() == [solution.record.id]
    assert _ids() == [solution.record.id]
    assert store.find(solution.record.id) == path


def test_a_file_under_another_name_is_found_by_its_id(
    numbered: MakeSolution, shipped: Path
) -> None:
    own = save_solution(numbered(3), store.run_folder("given") / "from a friend.safetensors")
    ships = save_solution(numbered(4), shipped / "first" / "example.safetensors")
    for entry in store.entries():
        assert store.find(entry.id) == entry.path
    assert {entry.path for entry in store.entries()} == {own, ships}


def test_a_deleted_file_disappears(numbered: MakeSolution) -> None:
    kept = [store.keep(numbered(number), "run") for number in (1, 2)]
    kept[0].unlink()
    assert _ids() == [numbered(2).record.id]
    assert _catalogued() == [numbered(2).record.id]
    with pytest.raises(BadInputError):
        store.find(numbered(1).record.id)


@pytest.mark.parametrize("place", ["own", "shipped"])
def test_a_file_that_cannot_be_read_is_shown_with_its_problem(
    numbered: MakeSolution, shipped: Path, place: str
) -> None:
    store.keep(numbered(1), "run")
    folder = store.run_folder("run") if place == "own" else shipped
    folder.mkdir(exist_ok=True)
    (folder / "broken.safetensors").write_bytes(b"not a solution")
    good, broken = sorted(store.entries(), key=lambda entry: entry.problem is not None)
    assert good.problem is None
    assert (broken.id, broken.record, broken.length) == ("broken", None, 0)
    assert broken.problem is not None and "broken.safetensors is damaged" in broken.problem
    assert broken.ships == (place == "shipped")


def test_a_file_that_breaks_later_is_shown_with_its_problem(numbered: MakeSolution) -> None:
    path = store.keep(numbered(1), "run")
    assert [entry.problem for entry in store.entries()] == [None]
    path.write_bytes(path.read_bytes()[:100])
    (entry,) = store.entries()
    assert entry.problem is not None and path.name in entry.problem


def test_a_file_that_was_replaced_is_shown_as_it_is(numbered: MakeSolution) -> None:
    path = store.keep(numbered(1), "run")
    assert len(store.entries()) == 1
    save_solution(numbered(1, title="replaced by hand"), path)
    (entry,) = store.entries()
    assert entry.record is not None and entry.record.title == "replaced by hand"


def test_an_index_entry_that_cannot_be_read_is_made_again(numbered: MakeSolution) -> None:
    """Files are the truth: a row of an older version must not hide them."""
    path = store.keep(numbered(1), "run")
    with transaction() as session:
        (row,) = session.scalars(select(SolutionRow))
        row.record = '{"schema_version": 0}'
    (entry,) = store.entries()
    assert (entry.path, entry.record, entry.problem) == (path, numbered(1).record, None)


def test_recordings_are_not_listed_as_solutions(numbered: MakeSolution) -> None:
    path = store.keep(numbered(1), "run")
    header = RecordingHeader(
        model="tiny", target_ids=[5, 3, 8], seeds=[1], d_model=4, arrangement="e+mN"
    )
    saved = Recording(header, np.zeros(2, dtype=header.frame_dtype))
    assert store.recording_of(path) is None
    saved.save(path.with_name(store.RECORDING))
    assert _ids() == [numbered(1).record.id]
    found = store.recording_of(path)
    assert found is not None and found.header == header and len(found) == 2
    path.with_name(store.RECORDING).write_bytes(b"broken")
    assert store.recording_of(path) is None


def test_an_id_is_looked_up_without_reading_the_others(
    numbered: MakeSolution, monkeypatch: pytest.MonkeyPatch, shipped: Path
) -> None:
    paths = {n: store.keep(numbered(n), f"run{n}") for n in range(5)}
    save_solution(numbered(9), shipped / "s.safetensors")
    read: list[Path] = []
    plain = store.read_record
    monkeypatch.setattr(store, "read_record", lambda path: (read.append(path), plain(path))[1])
    assert store.find(numbered(3).record.id) == paths[3]
    assert read == [paths[3]]


def test_an_id_whose_file_was_replaced_by_another_solution_is_not_found_there(
    numbered: MakeSolution,
) -> None:
    path = store.keep(numbered(1), "run")
    other = save_solution(numbered(2), path)
    assert store.find(numbered(2).record.id) == other
    with pytest.raises(BadInputError):
        store.find(numbered(1).record.id)


@pytest.mark.parametrize("solution_id", HOSTILE, ids=lambda text: repr(text[:12]))
def test_ids_of_strangers_find_nothing(
    numbered: MakeSolution, shipped: Path, solution_id: str
) -> None:
    shipped.mkdir()
    path = store.keep(numbered(1), "run")
    path.with_name(store.RECORDING).write_bytes(b"no solution")
    save_solution(numbered(2), folders.local() / "x.safetensors")
    with pytest.raises(BadInputError, match="There is no solution") as caught:
        store.find(solution_id)
    assert len(str(caught.value)) < 300


def test_what_ships_is_found_by_id(numbered: MakeSolution, shipped: Path) -> None:
    solution = numbered(4)
    path = save_solution(solution, shipped / "run" / f"{solution.record.id}.safetensors")
    assert store.find(solution.record.id) == path


def test_siblings_come_by_seed_without_those_that_cannot_be_read(numbered: MakeSolution) -> None:
    for seed, name in ((3, "a"), (1, "c"), (2, "b")):
        store.keep(numbered(seed, id=f"{name}-0"), "run")
    store.keep(numbered(9), "another")
    path = store.run_folder("run") / "b-0.safetensors"
    (store.run_folder("run") / "d.safetensors").write_bytes(b"broken")
    assert [s.record.seed for s in store.siblings(path)] == [1, 2, 3]


def test_a_race_is_noted_beside_its_run(tmp_path: Path) -> None:
    race = store.Race(
        tokens=3,
        one_forward_seconds=0.1,
        autoregressive_seconds=1.5,
        one_forward_text="a “b”",
        autoregressive_text="c\n",
        device="cpu",
    )
    assert store.race_of(tmp_path) is None
    race.keep(tmp_path / store.RACE)
    assert store.race_of(tmp_path) == race
    (tmp_path / store.RACE).write_bytes(b"\xff{}")
    assert store.race_of(tmp_path) is None


def test_runs_that_ship_are_those_with_a_recording(shipped: Path, numbered: MakeSolution) -> None:
    for name in ("b", "a"):
        save_solution(numbered(1), shipped / name / "s.safetensors")
        (shipped / name / store.RECORDING).touch()
    save_solution(numbered(1), shipped / "c" / "s.safetensors")
    assert store.shipped_runs() == [shipped / "a", shipped / "b"]


def test_without_a_catalogue_files_are_listed_all_the_same(
    numbered: MakeSolution, own_cache: Path, shipped: Path
) -> None:
    own_cache.mkdir()
    (own_cache / "explorer.db").write_bytes(b"this is a text, not a database. " * 40)
    with pytest.raises(StorageError, match="catalogue"):
        store.keep(numbered(1), "run")  # the file itself is there
    save_solution(numbered(2), shipped / "s.safetensors")
    assert _ids() == [numbered(1).record.id, numbered(2).record.id]
    assert load_solution(store.find(numbered(1).record.id)).record.seed == 1


def test_a_cache_that_cannot_be_written_still_shows_what_ships(
    numbered: MakeSolution, shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_solution(numbered(2), shipped / "s.safetensors")
    (tmp_path / "file").touch()
    monkeypatch.setenv("EXPLORER_CACHE", str(tmp_path / "file" / "cache"))
    assert _ids() == [numbered(2).record.id]
    with pytest.raises(StorageError):
        store.keep(numbered(1), "run")


def test_a_moved_cache_forgets_nothing(
    numbered: MakeSolution, own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.keep(numbered(1), "run")
    own_cache.rename(tmp_path / "moved")
    monkeypatch.setenv("EXPLORER_CACHE", str(tmp_path / "moved"))
    assert _ids() == [numbered(1).record.id]
    assert store.entries()[0].path.is_relative_to(tmp_path / "moved")


def test_one_who_lists_does_not_get_in_the_way_of_one_who_keeps(numbered: MakeSolution) -> None:
    """A page takes the new file in between the worker's look into the index and its write."""
    listed: list[list[str]] = []

    def another(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith("INSERT INTO solutions") and not listed:
            listed.append([])
            page = threading.Thread(target=lambda: listed[0].extend(_ids()))
            page.start()
            page.join()

    event.listen(Engine, "before_cursor_execute", another)
    try:
        path = store.keep(numbered(1), "run")
    finally:
        event.remove(Engine, "before_cursor_execute", another)
    assert listed == [[numbered(1).record.id]]
    assert path.is_file()
    assert _ids() == [numbered(1).record.id]


def test_threads_may_keep_and_list_at_once(numbered: MakeSolution) -> None:
    problems: list[BaseException] = []

    def keep(run: int) -> None:
        try:
            for number in range(6):
                store.keep(numbered(number, id=f"{run}-{number}"), f"run{run}")
        except BaseException as error:
            problems.append(error)

    def look() -> None:
        try:
            for _ in range(10):
                assert all(entry.problem is None for entry in store.entries())
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=keep, args=(run,)) for run in range(3)]
    threads += [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert sorted(_ids()) == _catalogued() == [f"{r}-{n}" for r in range(3) for n in range(6)]


def _keep_some(solutions: list[Solution], job: str) -> None:
    for solution in solutions:
        store.keep(solution, job)
        store.entries()


@pytest.mark.end_to_end
def test_processes_may_keep_at_once(numbered: MakeSolution) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(
            target=_keep_some,
            args=([numbered(n, id=f"{run}-{n}") for n in range(5)], f"run{run}"),
        )
        for run in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert _catalogued() == [f"{run}-{n}" for run in range(2) for n in range(5)]
    assert sorted(_ids()) == _catalogued()
