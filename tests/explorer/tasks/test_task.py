"""What every task has in common, and what drives it in this process."""

from collections.abc import Callable, Iterator

import pytest

from explorer.base.progress import Progress, Waiting
from explorer.experiments import cell_locks
from explorer.tasks.task import Task, finish


class Clock:
    """A clock that only tests move."""

    now = 100.0

    def move(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr("explorer.tasks.task.time.monotonic", found := Clock())
    return found


class Counting(Task):
    """Counts to five; the checkpoint is what it has counted to."""

    def __init__(self, kept: list[int]) -> None:
        self.kept, self.count = kept, kept[-1] if kept else 0
        self.resumed = self.count > 0
        self.writing: Callable[[], None] = lambda: None

    def _work(self) -> Iterator[Progress]:
        yield Waiting("Somebody else counts.", 0.0)
        while self.count < 5:
            self.count += 1
            yield Progress(f"{self.count} of 5.", self.count / 5)

    def _checkpoint(self) -> None:
        self.kept.append(self.count)
        self.writing()

    @property
    def outcome(self) -> str:
        return f"Counted to {self.count}."


def test_who_is_closed_early_leaves_a_checkpoint_and_another_goes_on_from_it() -> None:
    kept: list[int] = []
    steps = Counting(kept).steps()
    for _ in range(3):
        next(steps)
    assert kept == [0]
    steps.close()
    assert kept == [0, 2]
    again = Counting(kept)
    assert again.resumed and "went on from its last checkpoint" in again.notices[0]
    finish(again)
    assert (again.outcome, kept) == ("Counted to 5.", [0, 2, 2])


def test_a_checkpoint_is_written_at_once_and_then_every_three_seconds(clock: Clock) -> None:
    """Before others have their turn: what they do may end this process."""
    kept: list[int] = []
    steps = Counting(kept).steps()
    for later, written in ((0.0, [0]), (2.9, [0]), (0.1, [0, 2]), (2.0, [0, 2]), (1.0, [0, 2, 4])):
        clock.move(later)
        next(steps)
        assert kept == written


def test_writing_takes_a_tenth_of_the_time_at_most(clock: Clock) -> None:
    kept: list[int] = []
    (task := Counting(kept)).writing = lambda: clock.move(2.0)
    steps = task.steps()
    for later, written in ((0.0, [0]), (19.0, [0]), (2.0, [0, 2])):
        clock.move(later)
        next(steps)
        assert kept == written


def test_whoever_hears_the_progress_may_end_it_and_the_checkpoint_is_left() -> None:
    def enough(progress: Progress) -> None:
        if progress.fraction > 0.5:
            raise KeyboardInterrupt

    kept: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        finish(Counting(kept), enough)
    assert kept == [0, 3]


def test_who_waits_for_others_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("explorer.tasks.task.time.sleep", slept.append)
    finish(Counting([]))
    assert slept == [cell_locks.WAIT_SECONDS]


def test_nothing_is_lost_by_stopping_what_keeps_everything_at_once() -> None:
    task = Counting([])
    task.stop()
    task.discard()
    assert (task.result, task.notices, task.timing, task.makes) == ({}, [], None, "")
