"""A worker that dies or ends leaves its jobs to the next."""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from explorer.base import folders
from explorer.base.database import JobRow, transaction
from explorer.jobs import client
from explorer.solutions import store
from explorer.tasks.reconstruct import Reconstruction
from explorer.worker import loop, runners
from explorer.worker.context import JobContext
from tests.explorer.worker.cases import solutions_of

if TYPE_CHECKING:
    from tests.explorer.worker.conftest import MakeSpec, Shift

Hire = Callable[[], "Shift"]
StepsOf = Callable[[str], int]
TAKEN_OVER = "Taken over by a new worker."


def _endless(job: JobContext) -> Iterator[bool]:
    """Take step after step, as every kind of job does, without getting anywhere."""
    for _ in iter(int, 1):
        time.sleep(0.001)
        yield True


def test_a_job_that_took_the_worker_down_three_times_is_given_up(
    hire: Hire, quick: "MakeSpec", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runners, "run", _endless)
    job_id = client.submit(quick())
    for _ in range(3):
        shift = hire()
        assert client.get(job_id).state == "queued"
        assert shift.turns(1) == [True]
        assert client.get(job_id).state == "running"
        shift.die()
    shift = hire()
    assert shift.turns(1) == [False]
    job = client.get(job_id)
    assert job.state == "failed" and job.error is not None
    assert "died 3 times" in job.error and "smaller model" in job.error
    assert hire().turns(1) == [False]


def test_a_death_is_of_the_job_that_computed_also_after_a_question(
    hire: Hire, quick: "MakeSpec", monkeypatch: pytest.MonkeyPatch
) -> None:
    first, asked = hire(), []

    def deadly(job: JobContext) -> Iterator[bool]:
        client.announce("a question")
        yield True
        asked.append(first.worker.doing)
        raise SystemExit

    monkeypatch.setattr(runners, "run", deadly)
    monkeypatch.setattr(loop, "SLICE_SECONDS", 10.0)
    job_id = client.submit(quick())
    with pytest.raises(SystemExit):
        first.turns(1)
    first.die()
    hire()
    assert asked == [job_id]
    with transaction() as session:
        row = session.get(JobRow, job_id)
    assert row is not None and row.deaths == 1


def test_a_new_worker_goes_on_where_a_dead_one_was(
    hire: Hire, long: "MakeSpec", quick: "MakeSpec", steps_of: StepsOf
) -> None:
    first = hire()
    (earlier,) = first.finish(client.submit(quick()))
    job_id = client.submit(long())
    first.until(lambda: steps_of(job_id) > 20)
    first.die()
    second = hire()
    assert client.get(job_id).sentence == TAKEN_OVER
    reached = steps_of(job_id)
    second.until(lambda: steps_of(job_id) > reached)
    assert any("went on from its last checkpoint" in n for n in client.get(job_id).notices)
    assert client.get(earlier.id) == earlier
    assert all(path.exists() for path in solutions_of(earlier.id))


def test_a_worker_that_ends_leaves_its_jobs_to_the_next(
    hire: Hire, long: "MakeSpec", steps_of: StepsOf
) -> None:
    first = hire()
    running, paused = (client.submit(long(seed=seed)) for seed in (0, 5))
    first.until(lambda: steps_of(running) > 8 and steps_of(paused) > 8)
    client.ask(paused, "pause")
    first.until(lambda: client.get(paused).state == "paused")
    reached = steps_of(running), steps_of(paused)
    first.worker._put_down()
    left = client.get(running)
    assert (left.state, left.sentence) == ("queued", "Waiting for a worker.")
    assert client.get(paused).state == "paused"
    first.die()
    second = hire()
    second.until(lambda: steps_of(running) > reached[0])
    assert steps_of(running) < reached[0] + 100
    assert steps_of(paused) == reached[1]
    client.ask(paused, "run")
    second.until(lambda: steps_of(paused) > reached[1])
    for job_id in (running, paused):
        assert any("went on" in notice for notice in client.get(job_id).notices)


@pytest.mark.parametrize("ends", [True, False], ids=["ended", "killed"])
def test_a_pause_that_its_worker_did_not_live_to_hear_of_is_one(
    hire: Hire, long: "MakeSpec", steps_of: StepsOf, ends: bool
) -> None:
    first = hire()
    job_id = client.submit(long())
    first.until(lambda: steps_of(job_id) > 3)
    client.ask(job_id, "pause")
    if ends:
        first.worker._put_down()
    first.die()
    second = hire()
    assert second.turns(2) == [False, False]
    job = client.get(job_id)
    assert (job.state, job.sentence) == ("paused", "Waiting for a worker." if ends else TAKEN_OVER)
    assert client.worker_status().ahead == 0, "nobody waits for it"
    client.ask(job_id, "run")
    reached = steps_of(job_id)
    second.until(lambda: steps_of(job_id) > reached)


def test_a_worker_that_dies_before_the_race_leaves_the_race_to_the_next(
    hire: Hire, quick: "MakeSpec", monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = client.submit(quick())

    def killed(self: Reconstruction) -> Iterator[None]:
        raise SystemExit  # as far as the queue can see: no last words

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(Reconstruction, "race", killed)
        first = hire()
        first.finish(job_id)
    first.die()
    first.worker.active.clear()
    job = client.get(job_id)
    assert job.state == "running" and store.race_of(store.run_folder(job_id)) is None
    made = {path: path.stat().st_mtime_ns for path in solutions_of(job_id)}
    (job,) = hire().finish(job_id)
    assert (job.state, job.sentence) == ("done", "1 of 1 restarts exact.")
    assert store.race_of(store.run_folder(job_id)) is not None
    assert {path: path.stat().st_mtime_ns for path in solutions_of(job_id)} == made


def test_a_worker_that_dies_at_the_very_end_leaves_all_to_go_on_from(
    hire: Hire, quick: "MakeSpec", monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = client.submit(quick())
    plain = JobContext.update

    def killed(self: Any, **columns: Any) -> None:
        if columns.get("state") == "done":
            raise SystemExit
        plain(self, **columns)

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(JobContext, "update", killed)
        first = hire()
        first.finish(job_id)
    first.die()
    first.worker.active.clear()
    made = {path: path.stat().st_mtime_ns for path in solutions_of(job_id)}
    (job,) = hire().finish(job_id)
    assert job.state == "done"
    assert {path: path.stat().st_mtime_ns for path in solutions_of(job_id)} == made
    assert not client.folder_of(job_id).exists()


def test_a_worker_without_its_parent_leaves_at_once(hire: Hire, quick: "MakeSpec") -> None:
    job_id = client.submit(quick())
    worker = hire().worker
    worker.parent = -1
    worker.run()
    assert client.get(job_id).state == "queued"
    assert worker.active == {}
    assert not (folders.local() / "jobs").exists()
