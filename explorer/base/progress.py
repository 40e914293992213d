"""Progress of what takes long: a sentence and a fraction."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from threading import Lock
from typing import TypeVar

R = TypeVar("R")


@dataclass(frozen=True)
class Progress:
    """Progress of a task.

    Attributes:
        sentence: for a person.
        fraction: part of the whole that is done, 0 to 1.
    """

    sentence: str
    fraction: float


@dataclass(frozen=True)
class Waiting(Progress):
    """A task that can do nothing before another process or job has done its part."""


Report = Callable[[Progress], None]


def finish(steps: Generator[Progress, None, R], report: Report | None = None) -> R:
    """Take all steps of something and return what it makes.

    Args:
        steps: before each, it says what comes next.
        report: hears that; what it raises ends the work.
    """
    while True:
        try:
            progress = next(steps)
        except StopIteration as end:
            made: R = end.value
            return made
        if report is not None:
            report(progress)


@dataclass
class Reporter:
    """Passes progress on, so that the fraction never falls and unchanged reports are dropped."""

    report: Report | None
    _last: Progress | None = field(default=None, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    def __call__(self, fraction: float, sentence: str) -> None:
        """Report `fraction` of the whole, or what was reached before if that is more."""
        with self._lock:
            done = max(min(fraction, 1.0), self._last.fraction if self._last else 0.0)
            progress = Progress(sentence, done)
            if self.report is not None and progress != self._last:
                self.report(progress)
            self._last = progress
