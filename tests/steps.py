"""What works in steps, run to its end."""

from collections import deque
from collections.abc import Generator, Iterable
from typing import TypeVar

T = TypeVar("T")


def exhaust(steps: Iterable[object]) -> None:
    """Take every step and keep none."""
    deque(steps, maxlen=0)


def outcome(steps: Generator[object, None, T]) -> T:
    """Take every step and return what they come to."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: T = end.value
            return found
