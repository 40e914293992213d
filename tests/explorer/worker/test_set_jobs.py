"""Jobs about sets, in the worker's hands."""

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from explorer.base import folders
from explorer.geometry import distance_report, maps
from explorer.jobs import client
from explorer.library import items, trash
from explorer.people import limits
from explorer.people.person import recognised
from explorer.runtime import step_times
from explorer.solutions import sets
from explorer.specs.jobs import DistancesSpec, GatheredText, MapSpec, RolesSpec, SolveSetSpec
from explorer.specs.recipes import FAST

if TYPE_CHECKING:
    from tests.explorer.worker.conftest import MakeSpec, Shift

MakeSet = Callable[..., str]
ADA, BEN = recognised("ada's cookie"), recognised("ben's cookie")


@pytest.fixture(autouse=True)
def _nothing_ships(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(folders, "recorded", lambda: tmp_path / "nothing-ships")


@pytest.fixture
def spec(tiny_llama_folder: Path) -> SolveSetSpec:
    fields = {"lr": 0.5, "warmup_steps": 5, "init_scale": 1.0, "precision": "float32"}
    fields |= {"ease_below": None, "flatten": 0.0}
    return SolveSetSpec(
        model=str(tiny_llama_folder),
        texts=tuple(GatheredText(text=t) for t in ("zzqq", "xxvv", "kkjj")),
        restarts=1,
        length=4,
        regime="free",
        arrangement="halves",
        recipe=FAST.model_copy(update=fields),
    )


def test_a_set_is_made_and_named_by_its_job(shift: "Shift", spec: SolveSetSpec) -> None:
    (job,) = shift.finish(client.submit(spec))
    assert (job.state, job.sentence) == ("done", "3 of 3 solutions exact.")
    record = sets.load(sets.find(job.result["set"]))
    assert record.complete and record.job == job.id and len(record.exact) == 3


def test_a_set_is_whose_job_began_it(shift: "Shift", spec: SolveSetSpec) -> None:
    first = limits.submit(spec, ADA)
    shift.until(lambda: bool(client.get(first).result.get("set")))
    second = limits.submit(spec, BEN)
    shift.until(lambda: bool(client.get(second).result.get("set")))
    client.ask(second, "stop")
    shift.finish(first, second)
    (item,) = items.items("set")
    assert item.owner == ADA.id
    items.relabel(item, name="Ada's", note="", tags=[])
    trash.throw([item])
    shift.finish(limits.submit(spec, BEN))
    (again,) = items.items("set")
    assert (again.id, again.owner, again.label.name) == (item.id, BEN.id, "")


def test_a_set_times_its_machine_anew(shift: "Shift", spec: SolveSetSpec) -> None:
    busy = step_times.StepTime(
        model=spec.model, precision=spec.recipe.precision, token_seconds=100.0
    )
    step_times.keep(busy)
    shift.finish(client.submit(spec))
    kept = step_times.find(spec.model, spec.recipe.precision)
    assert kept is not None and kept.token_seconds < 1


@pytest.mark.end_to_end
def test_a_set_outlives_its_worker(hire: Callable[[], "Shift"], spec: SolveSetSpec) -> None:
    first = hire()
    hard = spec.model_copy(
        update={"attempts": 1, "texts": (*spec.texts, GatheredText(text="abcdefghij"))}
    )
    job = client.submit(hard)
    first.until(lambda: any(sets.load(f).members for f in sets.set_folders()))
    first.die()
    second = hire()
    second.finish(job)
    assert len(sets.load(sets.set_folders()[0]).exact) >= 3


def test_a_set_that_is_stopped_keeps_what_it_has(shift: "Shift", spec: SolveSetSpec) -> None:
    job = client.submit(spec)
    shift.until(lambda: any(sets.load(f).members for f in sets.set_folders()))
    client.ask(job, "stop")
    (ended,) = shift.finish(job)
    record = sets.load(sets.set_folders()[0])
    assert ended.state == "stopped" and record.members and not record.complete
    exact, wanted = len(record.exact), len(record.slots)
    assert ended.sentence == f"{exact} of {wanted} solutions exact."  # no rows in training
    assert ended.fraction < 1


def test_distances_and_maps_are_computed_by_the_worker(
    shift: "Shift", make_set: MakeSet, letters: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shift.worker.side_process, "submit", _at_once)
    name = make_set()
    flat = MapSpec(sets=(name,), method="pca")
    measured, laid = shift.finish(client.submit(DistancesSpec(set=name)), client.submit(flat))
    assert measured.error is None and (measured.state, measured.sentence) == ("done", "105 pairs.")
    assert distance_report.load(sets.read(sets.find(name))) is not None
    assert (laid.state, laid.sentence) == ("done", "15 solutions laid out.")
    assert maps.load(flat) is not None


def _at_once(work: Callable[..., int], *given: object) -> Future[int]:
    """Do in this process what is done beside the worker."""
    done: Future[int] = Future()
    try:
        done.set_result(work(*given))
    except Exception as error:
        done.set_exception(error)
    return done


@pytest.mark.end_to_end
def test_distances_are_measured_in_a_process_that_says_how_far_it_is(
    shift: "Shift", make_set: MakeSet
) -> None:
    name = make_set()
    job = client.submit(DistancesSpec(set=name))
    said: set[str] = set()

    def over() -> bool:
        said.add(client.get(job).sentence)
        return client.get(job).over

    shift.until(over)  # the sentence model is loaded in that process
    assert client.get(job).state == "done", client.get(job).error
    summary = distance_report.load(sets.read(sets.find(name)))
    assert summary is not None and summary.counts["same text"] == 9
    assert "Measuring distances between texts." in said


def _map_of(**named: str) -> MapSpec:
    return MapSpec(sets=tuple(named.values()))


@pytest.mark.parametrize("spec", [DistancesSpec, _map_of])
def test_training_goes_on_beside_distances_and_maps(
    shift: "Shift",
    make_set: MakeSet,
    long: "MakeSpec",
    steps_of: Callable[[str], int],
    monkeypatch: pytest.MonkeyPatch,
    spec: Callable[..., DistancesSpec | MapSpec],
) -> None:
    never: Future[int] = Future()
    monkeypatch.setattr(shift.worker.side_process, "submit", lambda *_: never)
    asked = spec(set=make_set())
    beside, training = client.submit(asked), client.submit(long())
    shift.until(lambda: steps_of(training) > 2)
    assert client.get(beside).state == "running"
    client.ask(beside, "stop")
    assert shift.finish(beside)[0].state == "stopped" and never.cancelled()
    done: Future[int] = Future()
    done.set_result(12)
    monkeypatch.setattr(shift.worker.side_process, "submit", lambda *_: done)
    said = shift.finish(client.submit(asked))[0].sentence
    assert said == ("12 pairs." if spec is DistancesSpec else "12 solutions laid out.")
    assert client.get(training).state == "running"


def test_what_keeps_a_map_from_being_made_is_said(
    shift: "Shift", make_set: MakeSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = MapSpec(sets=(make_set(),), method="umap", neighbours=100)
    (job,) = shift.finish(client.submit(spec))
    assert job.state == "failed" and "Lower the neighbors to 14" in (job.error or "")
    died: Future[int] = Future()
    died.set_exception(BrokenProcessPool())
    monkeypatch.setattr(shift.worker.side_process, "submit", lambda *_: died)
    (job,) = shift.finish(client.submit(spec))
    assert job.state == "failed" and "most likely for want of memory" in (job.error or "")


def test_what_cannot_be_computed_is_the_jobs_sentence(
    shift: "Shift", make_set: MakeSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shift.worker.side_process, "submit", _at_once)
    (failed,) = shift.finish(client.submit(DistancesSpec(set=make_set(inexact=99))))
    assert failed.state == "failed" and "no exact solution" in (failed.error or "")


def test_a_step_can_be_timed_before_a_set_is_made(shift: "Shift", spec: SolveSetSpec) -> None:
    import threading

    heard: list[dict[str, float]] = []
    payload = spec.model_dump(include={"model", "length", "arrangement", "recipe"})
    asking = threading.Thread(target=lambda: heard.append(client.request("pace", payload)))
    asking.start()
    shift.until(lambda: bool(heard))
    asking.join()
    assert 0 < heard[0]["token_seconds"] < 1
    kept = step_times.find(spec.model, spec.recipe.precision)
    assert kept is not None and kept.token_seconds == heard[0]["token_seconds"]


def test_maps_of_hidden_states_and_roles_are_computed_by_the_worker(
    shift: "Shift",
    make_set: MakeSet,
    letters: None,
    monkeypatch: pytest.MonkeyPatch,
    tiny_llama_folder: Path,
) -> None:
    import torch

    from explorer.geometry import linear_probes, roles
    from explorer.model.pool import ModelPool

    def of_solution(pool: ModelPool, _: object) -> object:
        return pool.get(tiny_llama_folder, "tiny", torch.float32)

    monkeypatch.setattr(ModelPool, "of_solution", of_solution)
    monkeypatch.setattr(linear_probes.probe, "__defaults__", (9, 0))
    monkeypatch.setattr(shift.worker.side_process, "submit", _at_once)
    name = make_set(d=32, contexts=4)
    spec = MapSpec(sets=(name,), method="pca", place="m")
    laid, measured = shift.finish(client.submit(spec), client.submit(RolesSpec(set=name)))
    assert (laid.error, measured.error) == (None, None)
    made = maps.load(spec)
    assert made is not None and len(made.record.layers) == 3  # the input and two layers
    assert not list(client.folder_of(laid.id).glob("states*"))  # nobody needs them any more
    report = roles.REPORTS.load(sets.load(sets.find(name)))
    assert report is not None and measured.sentence == report.sentence
