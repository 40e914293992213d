"""Every kind of job goes through the same runner."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, get_args

import pytest

from explorer.base.progress import Progress, Waiting
from explorer.jobs import client
from explorer.specs.jobs import DownloadSpec, JobSpec
from explorer.tasks.task import BY_HAND, Task
from explorer.worker import runners
from explorer.worker.context import JobContext

if TYPE_CHECKING:
    from explorer.model.pool import ModelPool


class Walk(Task):
    """Three steps, of which one waits; says whatever happens to it."""

    makes = "set"

    def __init__(self, happened: list[str]) -> None:
        self.happened, self.walked = happened, 0

    def _work(self) -> Iterator[Progress]:
        for _ in range(3):
            self.walked += 1
            told = Waiting if self.walked == 2 else Progress
            yield told(f"Step {self.walked}.", self.walked / 3)

    def _checkpoint(self) -> None:
        self.happened.append(f"checkpoint at {self.walked}")

    def stopping(self, reason: str = BY_HAND) -> Iterator[Progress]:
        yield Progress("Turning round.", 0.5)
        self.happened.append(reason)

    def discard(self) -> None:
        self.happened.append("discarded")

    @property
    def result(self) -> dict[str, Any]:
        return {"set": "a-set", "walked": self.walked}

    @property
    def notices(self) -> list[str]:
        return ["It is raining."] if self.walked == 2 else []

    @property
    def outcome(self) -> str:
        return f"Walked {self.walked} steps."


@pytest.fixture
def job(pool: "ModelPool") -> JobContext:
    spec = DownloadSpec(model="a/b")
    return JobContext(client.submit(spec), spec, pool)


@pytest.fixture
def walk(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let a job consist of two walks; return what happens to them."""
    happened: list[str] = []

    def stages(*_: object) -> Iterator[runners.Stage]:
        yield "", lambda: Walk(happened)
        yield "Putting shoes on.", lambda: Walk(happened)

    monkeypatch.setitem(runners.STAGES, "bring", stages)
    monkeypatch.setattr("explorer.worker.context.SAY_SECONDS", 0.0)
    monkeypatch.setattr("explorer.tasks.task.CheckpointTimer.due", False)  # only where it ends
    return happened


def test_every_kind_of_job_has_its_tasks() -> None:
    kinds = {spec.model_fields["kind"].default for spec in get_args(get_args(JobSpec)[0])}
    assert set(runners.STAGES) == kinds


def test_tasks_are_driven_one_after_the_other(job: JobContext, walk: list[str]) -> None:
    computes, said = [], []
    for turn in runners.run(job):
        computes.append(turn)
        said.append(client.get(job.id).sentence)
    assert computes == [True, False, True, True, True, False, True]
    assert said == ["Step 1.", "Step 2.", "Step 3.", "Putting shoes on.",
                    "Step 1.", "Step 2.", "Step 3."]  # fmt: skip
    row = client.get(job.id)
    assert (row.sentence, row.fraction) == ("Walked 3 steps.", 1.0)
    assert row.result == {"set": "a-set", "walked": 3} and row.notices == ["It is raining."]
    assert walk == []  # nothing is thrown away before the row says that the job is over
    for clean_up in job.afterwards:
        clean_up()
    assert walk == ["discarded"] * 2


def test_a_stop_is_heard_after_a_step_and_nothing_follows(job: JobContext, walk: list[str]) -> None:
    steps = runners.run(job)
    next(steps)
    client.ask(job.id, "stop")
    next(steps)  # heard when it next speaks
    assert client.get(job.id).sentence == "Step 2."
    assert list(steps) == [True]
    row = client.get(job.id)
    assert job.stopped and row.sentence == "Walked 2 steps."
    assert row.fraction == 0.5  # not all of it is done
    assert walk == ["checkpoint at 2", BY_HAND]


def test_who_is_put_down_leaves_the_checkpoint_of_the_task_it_is_at(
    job: JobContext, walk: list[str]
) -> None:
    steps = runners.run(job)
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert walk == ["checkpoint at 1"]


def test_jobs_that_make_the_same_are_told(
    job: JobContext, walk: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []

    def others(*of: str) -> bool:
        asked.append(of)
        return True

    monkeypatch.setattr("explorer.jobs.kept.others_on", others)
    turns: Callable[[], bool] = runners.run(job).__next__  # type: ignore[attr-defined]
    turns()
    assert client.get(job.id).sentence == "Step 1. Another job shares this set."
    assert asked == [("set", "a-set", job.id)]
    turns()
    assert client.get(job.id).sentence == "Step 2."  # who waits says itself for whom
