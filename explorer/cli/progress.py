"""How far something is, on stderr: a bar on a terminal, else a line now and then."""

import sys
import time
from collections.abc import Callable
from typing import TypeVar

from tqdm import tqdm

from explorer.base.progress import Progress
from explorer.tasks.task import Task, finish

AnyTask = TypeVar("AnyTask", bound=Task)
LINE_SECONDS = 20.0
"""How often a line is printed where no bar can be drawn."""
_FORMAT = "{desc} |{bar}| {percentage:3.0f}%"


class ProgressBar:
    """A bar on stderr, when that is a terminal, that follows reports of progress."""

    def __init__(self, title: str = "", *, lines: bool = False) -> None:
        """Draw it, empty.

        Args:
            title: what stands there until the first report.
            lines: whether to print lines where it cannot be drawn.
        """
        self._bar = tqdm(total=100, desc=title, disable=None, leave=False, bar_format=_FORMAT)
        self._lines, self._said = lines, time.monotonic()

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(self, *_: object) -> None:
        if not self._bar.disable:
            self._bar.refresh()  # it may all be over before the bar's first look
        self._bar.close()

    def __call__(self, progress: Progress) -> None:
        """Show a report."""
        self._bar.set_description_str(progress.sentence, refresh=False)
        self._bar.update(100 * progress.fraction - self._bar.n)
        if self._lines and self._bar.disable and time.monotonic() - self._said >= LINE_SECONDS:
            self._said = time.monotonic()
            say(f"{progress.fraction:4.0%}  {progress.sentence}")


def carry_out(task: AnyTask, words: Callable[[Progress], Progress] = lambda said: said) -> AnyTask:
    """Take every step of a task, with a bar, and return it.

    Args:
        task: the task.
        words: what to show of each step instead of what the task says.
    """
    with ProgressBar(lines=True) as bar:
        finish(task, lambda progress: bar(words(progress)))
    return task


def say(sentence: str) -> None:
    """Print a sentence on stderr."""
    print(sentence, file=sys.stderr, flush=True)
