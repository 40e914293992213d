"""What is done beside the worker: a death takes nothing with it but what it came of."""

from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool

import pytest

from explorer.base.errors import ExplorerError
from explorer.base.progress import Progress
from explorer.worker.errands import InSideProcess
from explorer.worker.side_process import SideProcess


class _Process(SideProcess):
    """A process whose work ends when a test says so."""

    def begin(self) -> "Future[int]":
        self._given.append(work := Future())
        return work

    def die(self) -> None:
        for work in self._given:
            if not work.done():
                work.set_exception(BrokenProcessPool())

    def end(self, count: int) -> None:
        next(work for work in self._given if not work.done()).set_result(count)


def test_what_waited_when_the_process_died_is_begun_again() -> None:
    process, doing = _Process(), Progress("Laying out.", 0.1)
    deadly, second, third = (
        InSideProcess(
            process, process.begin, doing=doing, done="{} laid out.".format, dies="Fewer, please."
        )
        for _ in range(3)
    )
    works = [task.steps() for task in (deadly, second, third)]
    assert [next(work).sentence == "Laying out." for work in works] == [True, False, False]
    process.die()
    with pytest.raises(ExplorerError, match="Fewer"):
        next(works[0])
    assert [next(work).sentence == "Laying out." for work in works[1:]] == [True, False]
    process.end(8)
    assert next(works[1], None) is None and second.outcome == "8 laid out."
    next(works[2])
    process.die()
    with pytest.raises(ExplorerError, match="Fewer"):
        next(works[2])
