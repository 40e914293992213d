"""What every task is to whoever carries it out: a worker, or a command line. Free of torch."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from explorer.base.language import later, tr
from explorer.base.progress import Progress, Waiting
from explorer.experiments import cell_locks
from explorer.specs.arrangements import ArrangementChoice
from explorer.specs.recipes import Recipe

if TYPE_CHECKING:
    from explorer.model.frozen import FrozenModel
    from explorer.training.shared_pass import Step

    Timing = tuple[FrozenModel, int, ArrangementChoice, Recipe]

BY_HAND = later("stopped by hand")
MEASURING = later("Measuring what has been found.")
"""What a task says while it stops."""
CHECKPOINT_SECONDS = 3.0
"""How often a checkpoint is written: what a kill costs, besides the step that it falls in."""
CHECKPOINT_SHARE = 0.1
"""Part of the time that writing takes at most, where vectors are many or the disk is slow."""


class CheckpointTimer:
    """Says when the next checkpoint is due; writing one happens inside it."""

    def __init__(self) -> None:
        self._written, self._took = -math.inf, 0.0

    @property
    def due(self) -> bool:
        """Whether the last one is long ago, also beside the time that it took."""
        since = time.monotonic() - self._written
        return since >= CHECKPOINT_SECONDS and self._took <= since * CHECKPOINT_SHARE

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._written = time.monotonic()
        self._took = self._written - self._began


class Task(ABC):
    """Work that takes long: made from what is asked, taken step by step, resumed after a kill.

    Making one loads what it needs and goes on from the checkpoint that an earlier one left, if
    there is one. Its work is a generator, so that whoever drives it decides when it goes on.

    Attributes:
        makes: name of what it makes if others can make the same ("set", "run"), under which
            `result` has its id.
        resumed: whether it goes on with what an earlier one left.
        next_step: the training step that comes next, where it can be taken together with those of
            other tasks; whoever drives may do so before the task goes on, which takes it otherwise.
        timing: model, N, arrangement and recipe of a step to be timed first; None: there is no
            need.
    """

    makes: ClassVar[str] = ""
    resumed: bool = False
    next_step: "Step[Any] | None" = None
    timing: "Timing | None" = None

    def steps(self) -> Generator[Progress, None, None]:
        """Work to the end; yield after every step, or `Waiting` while somebody else is first.

        A checkpoint is written every few seconds, and left where the iterator is closed early.
        """
        timer = CheckpointTimer()
        try:
            for progress in self._work():
                if timer.due:
                    with timer:
                        self._checkpoint()
                yield progress
        except GeneratorExit:
            self._checkpoint()
            raise

    @abstractmethod
    def _work(self) -> Iterator[Progress]:
        """Do what is left; yield where everything stands as a checkpoint may have it."""

    def _checkpoint(self) -> None:  # noqa: B027 (not every task needs one)
        """Write what another task of the same kind goes on from.

        Raises:
            StorageError: if the disk refuses.
        """

    def stop(self, reason: str = BY_HAND) -> None:
        """End where it is, and keep the best there is by now."""
        for _ in self.stopping(reason):
            pass

    def stopping(self, reason: str = BY_HAND) -> Iterator[Progress]:
        """Do what `stop` does; yield before each part that computes."""
        yield from ()

    def discard(self) -> None:  # noqa: B027
        """Remove what it would have gone on from: it is over, and everything it made is kept."""

    @property
    def result(self) -> dict[str, Any]:
        """What it has made so far, as plain values: ids, texts."""
        return {}

    @property
    def notices(self) -> list[str]:
        """Remarks that stay with what it makes."""
        went_on = tr("Interrupted in between; this went on from its last checkpoint.")
        return [went_on] if self.resumed else []

    @property
    def outcome(self) -> str:
        """What came of it, in a sentence, once it has ended or was stopped; empty: no matter."""
        return ""


class Divided(Task):
    """A task in parts: whoever knows what lies in its two folders can do any of them.

    Attributes:
        folder: of what it makes.
        scratch: of what a part goes on from.
        inside: how much of the part under way is done, 0 to 1.
    """

    folder: Path
    scratch: Path
    inside: float = 0.0
    _part: str = ""  # under way

    def part(self, name: str) -> Generator[Progress, None, None]:
        """Do one part, which nobody else is at."""
        self._part, self.inside = name, 0.0
        yield from Task.steps(self)

    def read_again(self) -> None:
        """Learn how far the whole is on the disk."""


class SharedTask(Divided):
    """A divided task that other jobs and processes may be at too, each at another part.

    Attributes:
        id: of what it makes.
        timing: always known, for what is made takes long.
    """

    id: str
    timing: "Timing"

    def steps(self) -> Generator[Progress, None, None]:
        """Do the parts that are left; yield after every step.

        A part that somebody else is at is left to them; where nothing else is left, this waits
        (`Waiting`) for what becomes of it.
        """
        while left := self._left():
            free = cell_locks.first_free(self.id, left)
            if free is None:
                yield from cell_locks.rest(self._others())
                continue
            part, lock = free
            with lock:
                self._part, self.inside = part, 0.0
                yield self._progress()
                if part in self._left():  # else it was finished before it was locked
                    yield from self.part(part)
            yield self._progress()

    @abstractmethod
    def _left(self) -> list[str]:
        """Look at the disk; return the names of the parts that are not done, the next one first."""

    @abstractmethod
    def _progress(self) -> Progress:
        """Return where the work stands."""

    @abstractmethod
    def _others(self) -> Progress:
        """Return the same while only others can do something."""

    @property
    def result(self) -> dict[str, Any]:
        """The id of what is made."""
        return {self.makes: self.id}


def finish(task: Task, report: Callable[[Progress], None] | None = None) -> None:
    """Carry a task out to its end, in this process and alone.

    Args:
        task: the task.
        report: hears of every step; what it raises ends the work.
    """
    with closing(task.steps()) as steps:
        for progress in steps:
            if report is not None:
                report(progress)
            if isinstance(progress, Waiting):
                time.sleep(cell_locks.WAIT_SECONDS)
