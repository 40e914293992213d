"""How far a command is: a bar on a terminal, elsewhere a line now and then. All of it on stderr."""

import sys
import time
from collections.abc import Iterable

from tqdm import tqdm

from explorer.base.progress import Progress, Waiting
from explorer.experiments import cell_locks

LINE_SECONDS = 20.0
"""How often a line is printed where no bar can be drawn."""

_FORMAT = "{desc} |{bar}| {percentage:3.0f}%"


class Bar:
    """Follows reports of progress."""

    def __init__(self, title: str = "") -> None:
        self._bar = tqdm(total=100, desc=title, disable=None, leave=False, bar_format=_FORMAT)
        self._said = time.monotonic()

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def __call__(self, progress: Progress) -> None:
        """Show a report."""
        self._bar.set_description_str(progress.sentence, refresh=False)
        self._bar.update(100 * progress.fraction - self._bar.n)
        if self._bar.disable and time.monotonic() - self._said >= LINE_SECONDS:
            self._said = time.monotonic()
            say(f"{progress.fraction:4.0%}  {progress.sentence}")


def follow(steps: Iterable[Progress]) -> None:
    """Take all steps of something, showing how far it is."""
    with Bar() as bar:
        for progress in steps:
            bar(progress)
            if isinstance(progress, Waiting):
                time.sleep(cell_locks.WAIT_SECONDS)


def say(sentence: str) -> None:
    """Print a sentence on stderr at once."""
    print(sentence, file=sys.stderr, flush=True)
