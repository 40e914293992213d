"""What every task is to whoever carries it out: a worker, or a command line. Free of torch."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, ClassVar

from explorer.base.progress import Progress, Waiting
from explorer.experiments import cell_locks
from explorer.specs.arrangements import ArrangementChoice
from explorer.specs.recipes import Recipe

if TYPE_CHECKING:
    from explorer.model.frozen import FrozenModel
    from explorer.training.shared_pass import Step

BY_HAND = "stopped by hand"
MEASURING = "Measuring what has been found."
"""What a task says while it stops."""


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
    """

    makes: ClassVar[str] = ""
    resumed: bool = False
    next_step: "Step[Any] | None" = None

    def steps(self) -> Generator[Progress, None, None]:
        """Work to the end; yield after every step, or `Waiting` while somebody else is first.

        Closing the iterator early leaves a checkpoint to go on from.
        """
        try:
            for progress in self._work():
                if self._checkpoint_due:
                    self._checkpoint()
                yield progress
        except GeneratorExit:
            self._checkpoint()
            raise

    @abstractmethod
    def _work(self) -> Iterator[Progress]:
        """Do what is left; yield where everything stands as a checkpoint may have it."""

    @property
    def _checkpoint_due(self) -> bool:
        """Whether the last checkpoint is long ago."""
        return False

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
        went_on = "Interrupted in between; this went on from its last checkpoint."
        return [went_on] if self.resumed else []

    @property
    def timing(self) -> "tuple[FrozenModel, int, ArrangementChoice, Recipe] | None":
        """Model, N, arrangement and recipe of a step to be timed first; None: there is no need."""
        return None

    @property
    @abstractmethod
    def outcome(self) -> str:
        """What came of it, in a sentence, once it has ended or was stopped."""


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
