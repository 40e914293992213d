"""What works in steps, run to its end."""

from collections import deque
from collections.abc import Iterable


def exhaust(steps: Iterable[object]) -> None:
    """Take every step and keep none."""
    deque(steps, maxlen=0)
