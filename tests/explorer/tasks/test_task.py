"""What every task has in common, and what drives it in this process."""

from collections.abc import Iterator

import pytest

from explorer.base.progress import Progress, Waiting
from explorer.experiments import cell_locks
from explorer.tasks.task import Task, finish


class Counting(Task):
    """Counts to five; the checkpoint is what it has counted to."""

    def __init__(self, kept: list[int]) -> None:
        self.kept, self.count = kept, kept[-1] if kept else 0
        self.resumed = self.count > 0
        self.due = False

    def _work(self) -> Iterator[Progress]:
        yield Waiting("Somebody else counts.", 0.0)
        while self.count < 5:
            self.count += 1
            yield Progress(f"{self.count} of 5.", self.count / 5)

    @property
    def _checkpoint_due(self) -> bool:
        return self.due

    def _checkpoint(self) -> None:
        self.kept.append(self.count)

    @property
    def outcome(self) -> str:
        return f"Counted to {self.count}."


def test_who_is_closed_early_leaves_a_checkpoint_and_another_goes_on_from_it() -> None:
    kept: list[int] = []
    steps = Counting(kept).steps()
    for _ in range(3):
        next(steps)
    assert kept == []
    steps.close()
    assert kept == [2]
    again = Counting(kept)
    assert again.resumed and "went on from its last checkpoint" in again.notices[0]
    finish(again)
    assert (again.outcome, kept) == ("Counted to 5.", [2])


def test_a_checkpoint_that_is_due_is_written_before_others_have_their_turn() -> None:
    kept: list[int] = []
    (task := Counting(kept)).due = True
    steps = task.steps()
    for count in range(3):
        next(steps)
        assert kept[-1] == task.count == count


def test_whoever_hears_the_progress_may_end_it_and_the_checkpoint_is_left() -> None:
    def enough(progress: Progress) -> None:
        if progress.fraction > 0.5:
            raise KeyboardInterrupt

    kept: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        finish(Counting(kept), enough)
    assert kept == [3]


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
