"""Jobs that want the same thing: the one waits, nobody else does, and nothing is made twice."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from explorer.base import folders
from explorer.experiments import cell_locks, runs
from explorer.experiments.catalogue import experiment
from explorer.geometry import maps
from explorer.jobs import client
from explorer.solutions import sets
from explorer.specs.jobs import ExperimentSpec, GatheredText, MapSpec, SolveSetSpec
from explorer.specs.recipes import INDEPENDENT

if TYPE_CHECKING:
    from tests.explorer.worker.conftest import Shift

StepsOf = Callable[[str], int]
LONG = INDEPENDENT.model_copy(
    update={"name": "long", "max_steps": 4_000, "lr": 1e-6, "precision": "float32"}
)
"""Takes longer than any test: nothing is learned."""


@pytest.fixture(autouse=True)
def _quick_looks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from explorer.worker import runners

    monkeypatch.setattr(folders, "recorded", lambda: tmp_path / "nothing-ships")
    monkeypatch.setattr(cell_locks, "WAIT_SECONDS", 0.05)
    monkeypatch.setattr(runners, "POLL_SECONDS", 0.0)


@pytest.fixture
def one_cell(tiny_llama_folder: Path) -> ExperimentSpec:
    """A run of one cell, which takes far longer than any test."""
    fields = {"lengths": (3,), "arrangements": ("e+mN",), "source": "unseen", "texts": 1}
    made = experiment("arrangements").make(
        {"model": str(tiny_llama_folder), "recipe": LONG, **fields}
    )
    return ExperimentSpec(settings=made)


@pytest.fixture
def whole_set(tiny_llama_folder: Path) -> SolveSetSpec:
    fields = {"lr": 0.5, "warmup_steps": 5, "init_scale": 1.0, "precision": "float32"}
    return SolveSetSpec(
        model=str(tiny_llama_folder),
        texts=tuple(GatheredText(text=t) for t in ("zzqq", "xxvv", "kkjj")),
        restarts=1,
        length=4,
        regime="free",
        arrangement="halves",
        recipe=INDEPENDENT.model_copy(update=fields),
    )


def _waits(job_id: str) -> bool:
    return "Waiting for another job" in client.get(job_id).sentence


def _two_at_one(shift: "Shift", spec: ExperimentSpec | SolveSetSpec) -> tuple[str, str]:
    """Let two jobs want the same; return the one that works and the one that waits."""
    ids = [client.submit(spec) for _ in range(2)]
    shift.until(lambda: any(map(_waits, ids)))
    first, second = sorted(ids, key=_waits)
    assert not _waits(first)
    return first, second


def test_who_waits_for_a_cell_costs_the_others_nothing_and_both_are_told(
    shift: "Shift", one_cell: ExperimentSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cell_locks, "WAIT_SECONDS", 3600.0)
    first, second = _two_at_one(shift, one_cell)
    waiting = shift.worker.active[second]
    began = time.perf_counter()
    for _ in range(20):
        assert shift.worker._slice(waiting) is False
    assert time.perf_counter() - began < 2
    shift.turns(2)
    assert client.get(first).sentence.endswith("Another job shares this run.")
    assert _waits(second)


@pytest.mark.parametrize("wish", ["pause", "stop"])
def test_a_cell_whose_job_rests_or_stops_is_taken_over(
    shift: "Shift", one_cell: ExperimentSpec, wish: str
) -> None:
    first, second = _two_at_one(shift, one_cell)
    client.ask(first, wish)
    shift.until(lambda: not _waits(second))
    assert client.get(first).state == {"pause": "paused", "stop": "stopped"}[wish]
    shift.turns(2)
    assert client.get(second).state == "running"
    if wish == "pause":
        client.ask(first, "run")
        shift.until(lambda: _waits(first))


def test_a_set_that_two_jobs_ask_for_is_made_once(
    shift: "Shift", whole_set: SolveSetSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = shift.finish(*_two_at_one(shift, whole_set))
    assert first.state == second.state == "done"
    assert first.result["set"] == second.result["set"]
    record = sets.load(sets.find(first.result["set"]))
    assert record.complete
    files = {path.stem for path in sets.folder_of(record.id).glob("*.safetensors")}
    assert files == {member.solution for member in record.members}
    tried = [(member.slot, member.attempt) for member in record.members]
    assert len(set(tried)) == len(tried)


def test_a_set_whose_job_rests_is_taken_over(shift: "Shift", whole_set: SolveSetSpec) -> None:
    first, second = _two_at_one(shift, whole_set)
    client.ask(first, "pause")
    (done,) = shift.finish(second)
    assert done.state == "done" and client.get(first).state == "paused"
    client.ask(first, "run")
    assert shift.finish(first)[0].sentence == done.sentence


def test_a_map_that_is_here_is_not_made_again(
    make_set: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[MapSpec] = []
    plain = maps.make
    monkeypatch.setattr(maps, "make", lambda spec, *more: made.append(spec) or plain(spec, *more))
    spec = MapSpec(sets=(make_set(),), method="pca")
    assert maps.make_and_save(spec) == maps.make_and_save(spec) == 15
    assert made == [spec]


def test_who_waits_for_somebody_elses_map_is_told(
    shift: "Shift", make_set: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Future[int]] = []

    def submit(*_: object) -> Future[int]:
        given.append(Future())
        return given[-1]

    monkeypatch.setattr(shift.worker.side_process, "_submit", submit)
    spec = MapSpec(sets=(make_set(),))
    first, second = client.submit(spec), client.submit(spec)
    shift.until(lambda: client.get(second).sentence.startswith("Waiting for another map"), 30)
    assert client.get(first).sentence.startswith("Laying the solutions out.")
    given[0].set_result(15)
    shift.turns(3)
    assert client.get(first).state == "done"
    assert client.get(second).sentence.startswith("Laying the solutions out.")
    given[1].set_result(15)
    shift.finish(second)


def test_who_only_waits_leaves_the_device_to_the_command_line(
    shift: "Shift", one_cell: ExperimentSpec
) -> None:
    """The cell is measured by another process, which needs the device to come to its end."""
    job_id = client.submit(one_cell)
    shift.until(lambda: "run" in client.get(job_id).result)
    client.ask(job_id, "pause")
    shift.until(lambda: client.get(job_id).state == "paused")
    run = runs.load(runs.find(client.get(job_id).result["run"]))
    (cell,) = experiment("arrangements").cells(run.settings)
    with cell_locks.lock(run.header.id, cell.key).acquire(timeout=0):
        client.ask(job_id, "run")
        shift.until(lambda: _waits(job_id))
        shift.turns(2)
        with client.compute_lock("cpu").acquire(timeout=0):
            assert shift.turns(3) == [False] * 3
            assert client.get(job_id).state == "running"


def test_a_lock_that_cannot_be_used_is_a_sentence(own_cache: Path) -> None:
    from explorer.base.errors import StorageError

    lock = cell_locks.lock("run", "cell")
    Path(lock.lock_file).mkdir(parents=True)
    with pytest.raises(StorageError, match="cannot be used"):
        lock.acquire(timeout=0)
