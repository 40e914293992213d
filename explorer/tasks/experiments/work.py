"""A cell under way: its trainings one after the other, and what is known of it, over kills."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, TypeVar

from explorer.runtime.interruption import Interrupted
from explorer.training import Trainer
from explorer.training.checkpoint import Checkpoint, Saved
from explorer.training.shared_pass import Step

T = TypeVar("T")


class CellWork:
    """Goes on with a cell where a kill, or somebody's Stop, has left it.

    A cell is measured by a function that begins anew and asks for the same trainings in the same
    order: those that were over are not trained again, and the one under way goes on at its step.

    Attributes:
        seconds: compute time of the cell so far, with that before a kill.
        next_step: the step that comes next, where it may be taken with those of other tasks.
    """

    def __init__(self, kept: Checkpoint | None = None) -> None:
        """Take up the cell's checkpoint, if there is one; None: nothing is kept."""
        self._kept = kept
        saved: Saved | None = kept.read() if kept else None
        self._saved = saved
        self.seconds: float = saved.values["seconds"] if saved else 0.0
        self._known: dict[str, Any] = saved.values["known"] if saved else {}
        self._engines: list[Trainer] = []
        self.next_step: Step[Any] | None = None

    @property
    def spent(self) -> float:
        """Compute time of the steps of the training that was begun last."""
        return self._engines[-1].spent

    def train(self, engine: Trainer, *, alone: bool = False) -> Iterator[float]:
        """Train to the end, from where the cell was left; yield the part done before each step.

        Args:
            engine: the training.
            alone: whether no other task may share its passes, since their seconds are compared.
        """
        if self._saved is not None:
            self._saved.restore(len(self._engines), engine)
        self._engines.append(engine)
        while not engine.finished:
            step, before = Step(engine), engine.spent
            self.next_step = None if alone else step
            yield engine.fraction
            self.next_step = None
            self.seconds += engine.spent - before  # of a step that was taken with others'
            with suppress(Interrupted):  # it stands as before; whoever wants that closes this
                step.take()

    def once(self, name: str, make: Callable[[], T]) -> T:
        """Return a plain value of the cell; it is made once, whatever happens in between."""
        if name not in self._known:
            self._known[name] = make()
        known: T = self._known[name]
        return known

    def advance(self, measuring: Iterator[float]) -> float:
        """Let the cell be measured one step further; return the part that is done.

        Raises:
            StopIteration: at its end, with its rows.
        """
        started = time.perf_counter()
        try:
            return next(measuring)
        finally:
            self.seconds += time.perf_counter() - started

    def save(self) -> None:
        """Write a checkpoint.

        Raises:
            StorageError: if the disk refuses.
        """
        again = self._saved is None or len(self._engines) >= self._saved.trainings
        if self._kept is not None and again:  # else not all that was taken up was asked for yet
            self._kept.save(self._engines, seconds=self.seconds, known=self._known)

    def discard(self) -> None:
        """Remove the checkpoint: the cell is done."""
        if self._kept is not None:
            self._kept.discard()
