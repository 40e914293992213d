"""Pausing, resuming and stopping a job."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from explorer.assets import catalog
from explorer.base.database import JobRow, transaction
from explorer.base.errors import BadInputError
from explorer.jobs import client
from explorer.solutions import store
from explorer.solutions.recording import Recording
from explorer.solutions.solution import load_solution
from explorer.specs.jobs import GenerateSpec
from explorer.worker import loop
from tests.explorer.worker.cases import solutions_of

if TYPE_CHECKING:
    from tests.explorer.worker.conftest import MakeSpec, Shift

StepsOf = Callable[[str], int]


def test_a_paused_job_rests_and_goes_on_where_it_was(
    shift: "Shift", long: "MakeSpec", steps_of: StepsOf
) -> None:
    job_id = client.submit(long())
    shift.until(lambda: steps_of(job_id) > 5)
    client.ask(job_id, "pause")
    shift.until(lambda: client.get(job_id).state == "paused")
    reached, folder = steps_of(job_id), client.folder_of(job_id)
    assert shift.turns(5) == [False] * 5
    assert steps_of(job_id) == reached and (folder / "checkpoint.safetensors").exists()
    assert client.get(job_id).requested == "pause"
    with client.compute_lock("cpu").acquire(timeout=0):
        assert client.worker_status().ahead == 0
    client.ask(job_id, "run")
    shift.until(lambda: steps_of(job_id) > reached + 3)
    job = client.get(job_id)
    assert (job.state, job.notices) == ("running", [])


def test_a_paused_job_does_not_hold_up_another(
    shift: "Shift", long: "MakeSpec", quick: "MakeSpec", steps_of: StepsOf
) -> None:
    resting = client.submit(long())
    shift.until(lambda: steps_of(resting) > 0)
    client.ask(resting, "pause")
    (done,) = shift.finish(client.submit(quick()))
    assert (done.state, client.get(resting).state) == ("done", "paused")


def test_a_job_paused_before_it_began_waits(
    shift: "Shift", quick: "MakeSpec", steps_of: StepsOf
) -> None:
    job_id = client.submit(quick())
    client.ask(job_id, "pause")
    assert shift.turns(3) == [False] * 3
    assert client.get(job_id).state == "paused" and steps_of(job_id) == 0
    client.ask(job_id, "run")
    assert shift.finish(job_id)[0].state == "done"


def test_a_pause_taken_back_before_it_is_heard_changes_nothing(
    shift: "Shift", long: "MakeSpec", steps_of: StepsOf
) -> None:
    job_id = client.submit(long())
    shift.until(lambda: steps_of(job_id) > 0)
    before = steps_of(job_id)
    client.ask(job_id, "pause")
    client.ask(job_id, "run")
    assert shift.turns(2) == [True, True]
    assert client.get(job_id).state == "running" and steps_of(job_id) > before


@pytest.mark.parametrize("paused", [False, True])
def test_stopping_keeps_the_best_state(
    shift: "Shift", long: "MakeSpec", steps_of: StepsOf, paused: bool
) -> None:
    job_id = client.submit(long(restarts=3))
    shift.until(lambda: steps_of(job_id) > 10)
    if paused:
        client.ask(job_id, "pause")
        shift.until(lambda: client.get(job_id).state == "paused")
    client.ask(job_id, "stop")
    (job,) = shift.finish(job_id)
    assert (job.state, job.error) == ("stopped", None)
    assert job.sentence == "0 of 3 restarts exact."
    found = [load_solution(path) for path in solutions_of(job_id)]
    assert [s.record.seed for s in found] == [2, 3, 4]
    assert {s.record.reason for s in found} == {"stopped by hand"}
    assert all(s.record.steps > 10 for s in found)
    recording = Recording.load(store.run_folder(job_id) / store.RECORDING)
    shown = recording.frames["accuracy"][-1].tolist()
    assert shown == pytest.approx([s.record.accuracy for s in found])
    assert not client.folder_of(job_id).exists()


def test_a_job_stopped_before_it_began_never_begins(shift: "Shift", quick: "MakeSpec") -> None:
    job_id = client.submit(quick())
    client.ask(job_id, "stop")
    job = client.get(job_id)
    assert (job.state, job.sentence) == ("stopped", "Stopped before it began.")
    assert job.finished is not None
    assert shift.turns(2) == [False, False]
    assert not client.folder_of(job_id).exists() and not store.run_folder(job_id).exists()


def test_a_wish_to_stop_that_crosses_the_worker_is_heard_too(
    shift: "Shift", quick: "MakeSpec"
) -> None:
    job_id = client.submit(quick())
    with transaction() as session:
        row = session.get(JobRow, job_id)
        assert row is not None
        row.requested = "stop"
    assert shift.turns(1) == [False]
    job = client.get(job_id)
    assert (job.state, job.sentence) == ("stopped", "Stopped before it began.")


def test_a_row_that_was_deleted_ends_its_job(
    shift: "Shift", long: "MakeSpec", steps_of: StepsOf
) -> None:
    job_id = client.submit(long())
    shift.until(lambda: steps_of(job_id) > 0)
    with transaction() as session:
        session.delete(session.get(JobRow, job_id))
    shift.until(lambda: not shift.worker.active)
    with pytest.raises(BadInputError):
        client.get(job_id)


def test_wishes_are_heard_while_the_command_line_holds_the_device(
    shift: "Shift", long: "MakeSpec", quick: "MakeSpec", steps_of: StepsOf
) -> None:
    begun = client.submit(long())
    shift.until(lambda: steps_of(begun) > 5)
    client.ask(begun, "pause")
    shift.until(lambda: client.get(begun).state == "paused")
    shift.turns(1)
    with client.compute_lock("cpu").acquire(timeout=0):
        fresh = client.submit(quick())
        client.ask(begun, "run")
        assert shift.turns(3) == [False] * 3
        for job_id in (begun, fresh):
            assert client.get(job_id).state == "queued"
            assert client.get(job_id).sentence == loop.TAKEN
            client.ask(job_id, "pause")
            assert client.get(job_id).state == "paused"
        shift.turns(2)
        for job_id in (begun, fresh):
            assert client.get(job_id).state == "paused"
            client.ask(job_id, "stop")
        stopped, never = shift.finish(begun, fresh)
    assert (stopped.state, never.state) == ("stopped", "stopped")
    assert len(solutions_of(begun)) == 2, "what it had reached is kept"
    assert never.sentence == "Stopped before it began."


def test_wishes_are_heard_while_a_model_arrives(
    shift: "Shift", quick: "MakeSpec", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gate = threading.Event()

    def download(card: object, progress: object = None) -> Path:
        gate.wait(60)
        return tmp_path

    monkeypatch.setattr(catalog, "download", download)
    job_id = client.submit(quick(model="some/model"))
    shift.until(lambda: job_id in shift.worker.active)
    shift.turns(2)
    with client.compute_lock("cpu").acquire(timeout=0):
        for requested, state in (("pause", "paused"), ("run", "running"), ("stop", "stopped")):
            client.ask(job_id, requested)
            shift.turns(2)
            assert client.get(job_id).state == state
    gate.set()


def test_a_job_that_was_put_down_with_nothing_to_wrap_up_stops_at_once(
    hire: Callable[..., "Shift"], tiny_llama_folder: Path
) -> None:
    spec = GenerateSpec(model=str(tiny_llama_folder), context="The heron", length=90, seed=3)
    job_id = client.submit(spec)
    first = hire()
    first.turns(2)
    first.die()
    with client.compute_lock("cpu").acquire(timeout=0):
        second = hire()
        assert client.get(job_id).state == "queued"
        client.ask(job_id, "stop")
        assert second.turns(1) == [False]
    assert (client.get(job_id).state, client.get(job_id).sentence) == ("stopped", "Stopped.")
