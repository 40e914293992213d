"""A disk or a database that refuses for a while costs a job time and nothing else."""

import errno
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from explorer.base import database, folders
from explorer.base.errors import StorageError
from explorer.jobs import client, kept
from explorer.solutions import store
from explorer.specs.jobs import GenerateSpec
from explorer.tasks.reconstruct import Reconstruction
from explorer.worker import hands, runners
from tests.explorer.worker.cases import solutions_of

if TYPE_CHECKING:
    from tests.explorer.worker.conftest import MakeSpec, Shift

StepsOf = Callable[[str], int]
WAITS = "Waiting, and goes on by itself: "


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hands, "RETRY_SECONDS", (0.05, 0.2))
    plain = database._connect

    def connect(path: Path) -> sqlite3.Connection:
        connection = plain(path)
        connection.execute("PRAGMA busy_timeout=20")
        return connection

    monkeypatch.setattr(database, "_connect", connect)


@contextmanager
def _locked() -> Iterator[None]:
    """Hold the database as a process does that writes and does not come to an end."""
    other = sqlite3.connect(folders.local() / "explorer.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("ROLLBACK")
    other.close()


@contextmanager
def _full(*names: str) -> Iterator[None]:
    def refuse(path: Path, data: bytes) -> Path:
        raise StorageError(f"{path.name} could not be written (No space left on device).")

    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setattr(name, refuse)
        yield


def test_a_full_disk_is_waited_out_and_the_job_goes_on_from_its_checkpoint(
    shift: "Shift",
    long: "MakeSpec",
    quick: "MakeSpec",
    steps_of: StepsOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("explorer.tasks.task.CheckpointTimer.due", True)
    job_id = client.submit(long())
    shift.until(lambda: steps_of(job_id) > 10)
    reached = steps_of(job_id)
    writers = "explorer.base.tensor_files", "explorer.solutions.recording"
    with _full(*(f"{module}.write_atomically" for module in writers)):
        shift.until(lambda: client.get(job_id).sentence.startswith(WAITS))
        job = client.get(job_id)
        assert job.state == "running" and "No space left on device" in job.sentence
        shift.turns(3)
        assert client.get(job_id).state == "running"
    shift.until(lambda: steps_of(job_id) > reached + 3)
    job = client.get(job_id)
    assert (job.state, job.error) == ("running", None)
    assert any("went on from its last checkpoint" in notice for notice in job.notices)
    assert shift.finish(client.submit(quick()))[0].state == "done"


def test_others_go_on_while_one_job_waits_for_the_disk(
    shift: "Shift", long: "MakeSpec", quick: "MakeSpec", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hands, "RETRY_SECONDS", (3600.0, 3600.0))
    plain = runners.run

    def run(job: Any) -> Iterator[bool]:
        if job.spec.seed == 77:
            yield True
            raise OSError(errno.ENOSPC, "No space left on device")
        yield from plain(job)

    monkeypatch.setattr(runners, "run", run)
    waiting, good = client.submit(long(seed=77)), client.submit(quick())
    assert shift.finish(good)[0].state == "done"
    assert client.get(waiting).sentence.startswith(WAITS)
    client.ask(waiting, "stop")
    (stopped,) = shift.finish(waiting)
    assert stopped.state == "stopped" and "No space left" in stopped.notices[0]


def test_a_worker_that_cannot_find_out_whose_a_job_is_writes_nothing(
    shift: "Shift", long: "MakeSpec", steps_of: StepsOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("explorer.tasks.task.CheckpointTimer.due", False)
    job_id = client.submit(long())
    shift.until(lambda: steps_of(job_id) > 3)
    checkpoint = kept.checkpoint_in(client.folder_of(job_id))
    assert not checkpoint.exists()
    active = shift.worker.active[job_id]
    shift.worker.owner.doubt(job_id)  # it was suspended: another may have it by now
    with _locked():
        shift.worker.hands.go_on(active)
        assert active.failures == 1
        assert not checkpoint.exists()
    reached = steps_of(job_id)
    shift.until(lambda: steps_of(job_id) > reached)


def test_a_locked_database_does_not_end_a_job(
    shift: "Shift", long: "MakeSpec", steps_of: StepsOf
) -> None:
    job_id = client.submit(long())
    shift.until(lambda: steps_of(job_id) > 3)
    before = steps_of(job_id)
    with _locked():
        shift.turns(5)
        assert steps_of(job_id) > before, "words are lost, work is not"
    shift.turns(2)
    assert client.get(job_id).state == "running"


def test_a_job_that_ends_while_the_database_is_locked_says_so_later(
    shift: "Shift", tiny_llama_folder: Path
) -> None:
    model = str(tiny_llama_folder)
    spec = GenerateSpec(model=model, context="The heron", length=64, seed=3)  # takes some turns
    job_id = client.submit(spec)
    shift.until(lambda: job_id in shift.worker.active)
    with _locked():
        for _ in range(300):
            shift.turns(1)
            if shift.worker.active[job_id].last_words is not None:
                break
        shift.turns(3)
        assert client.get(job_id).state == "running" and job_id in shift.worker.active
    (job,) = shift.finish(job_id)
    assert (job.state, job.sentence) == ("done", "64 tokens are written.") and job.result["text"]
    assert not shift.worker.active


def test_a_job_that_is_paused_while_the_database_is_locked_rests_later_and_loses_nothing(
    shift: "Shift", long: "MakeSpec", steps_of: StepsOf
) -> None:
    job_id = client.submit(long())
    shift.until(lambda: steps_of(job_id) > 3)
    client.ask(job_id, "pause")
    with _locked():
        shift.turns(3)
        assert client.get(job_id).state == "running"
    shift.until(lambda: client.get(job_id).state == "paused")
    client.ask(job_id, "run")
    reached = steps_of(job_id)
    shift.until(lambda: steps_of(job_id) > reached)


def test_putting_down_survives_a_job_that_cannot_be(
    shift: "Shift", long: "MakeSpec", steps_of: StepsOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [client.submit(long(seed=seed)) for seed in (0, 5, 9)]
    shift.until(lambda: all(steps_of(job_id) > 2 for job_id in ids))
    plain = Reconstruction._checkpoint

    def breaks(self: Reconstruction) -> None:
        if self.job == ids[0]:
            raise RuntimeError("no idea")
        plain(self)

    monkeypatch.setattr(Reconstruction, "_checkpoint", breaks)
    shift.worker._put_down()
    assert [client.get(job_id).state for job_id in ids[1:]] == ["queued", "queued"]
    assert shift.worker._ended.is_set()


def test_a_failed_job_with_a_checkpoint_is_resumed_by_hand(
    shift: "Shift",
    long: "MakeSpec",
    quick: "MakeSpec",
    steps_of: StepsOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job_id = client.submit(long())
    shift.until(lambda: steps_of(job_id) > 5)
    with monkeypatch.context() as patch:
        patch.setattr(Reconstruction, "_frame", lambda *_: 1 / 0)
        (failed,) = shift.finish(job_id)
    assert failed.state == "failed" and kept.can_resume(failed)
    reached = steps_of(job_id)
    kept.resume(job_id)
    assert not kept.can_resume(client.get(job_id))
    shift.until(lambda: steps_of(job_id) > reached)
    assert client.get(job_id).error is None
    hopeless, done = shift.finish(client.submit(quick(text="")), client.submit(quick()))
    assert (hopeless.state, done.state) == ("failed", "done")
    assert not kept.can_resume(hopeless) and not kept.can_resume(done)


def test_a_job_that_dies_between_its_end_and_the_word_of_it_makes_nothing_twice(
    hire: Callable[..., "Shift"], quick: "MakeSpec", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after everything was made and before the queue knew."""
    first = hire()
    job_id = client.submit(quick(restarts=2))

    def killed(*_: object, **__: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(hands.Hands, "end", killed)
        first.finish(job_id)
    first.die()
    made = {p.name: p.read_bytes() for p in store.run_folder(job_id).glob("*-*.safetensors")}
    assert len(made) == 2
    (job,) = hire().finish(job_id)
    assert job.state == "done" and len(solutions_of(job_id)) == 2
    again = {p.name: p.read_bytes() for p in store.run_folder(job_id).glob("*-*.safetensors")}
    assert again == made
