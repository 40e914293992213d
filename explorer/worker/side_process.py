"""A process beside the worker, for what would hold its interpreter for seconds at a time.

UMAP compiles its inner loops at first use, some fifteen seconds of pure Python, and the statistics
of a set of the paper's size take half a minute. In a thread of the worker that kept everybody
waiting: the first frame of a text was seen after 5 s instead of 1.
"""

import math
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from multiprocessing.process import BaseProcess
from multiprocessing.queues import SimpleQueue
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from explorer.base.errors import ExplorerError
from explorer.base.language import tr
from explorer.base.progress import Progress
from explorer.runtime import process

P = ParamSpec("P")
R = TypeVar("R")

LESS_URGENT = 5
"""How much nicer than the worker the process is: training goes first."""
WATCH_SECONDS = 1.0
TELL_SECONDS = 0.3
"""How often progress is passed on, so that the worker need not read every word of it."""
NOBODY = 0
STOPS = 8
"""Of how many stops the numbers are kept: more than there is work that cannot be cancelled."""


class StoppedError(ExplorerError):
    """What a side process was doing is no longer wanted."""


class SideProcess:
    """One process, started when it is first needed, that does one thing after the other."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._children: list[BaseProcess] = []
        self._line: _Line | None = None
        self._numbers: WeakKeyDictionary[Future[Any], int] = WeakKeyDictionary()
        self._newest: dict[int, Progress] = {}
        self._given: list[Future[object]] = []
        self._stops = 0

    def submit(self, work: Callable[P, R], *given: P.args, **named: P.kwargs) -> "Future[R]":
        """Let the process do something; both the function and its arguments must pickle.

        The result raises what `work` raised, or `BrokenProcessPool` if the process died of it; the
        next call starts another.
        """
        done = self._submit(partial(work, *given, **named))
        self._given = [*(f for f in self._given if not f.done()), done]  # type: ignore[list-item]
        return done

    def is_busy_before(self, work: "Future[R]") -> bool:
        """Return whether something that was given earlier is not done yet."""
        first = next((f for f in self._given if not f.done()), None)
        return first is not None and first is not work

    def _submit(self, whole: Callable[[], R]) -> "Future[R]":
        number = next(_numbers)
        found: Future[R] | None = None
        if self._pool is not None:
            with suppress(BrokenProcessPool):
                found = self._pool.submit(_carry_out, number, whole)
        if found is None:
            spawn = multiprocessing.get_context("spawn")  # no copy of the worker's threads, memory
            self._line = _Line(spawn.SimpleQueue(), spawn.Array("q", STOPS, lock=False))
            begin = os.getpid(), self._line
            before = multiprocessing.active_children()
            self._pool = ProcessPoolExecutor(1, spawn, initializer=_begin, initargs=begin)
            found = self._pool.submit(_carry_out, number, whole)  # starts the process
            self._children = [c for c in multiprocessing.active_children() if c not in before]
        self._numbers[found] = number
        return found

    def progress(self, of: "Future[Any]") -> Progress | None:
        """Return the newest that the work of a future told by `tell`, once; None: nothing new."""
        while self._line is not None and not self._line.heard.empty():
            number, progress = self._line.heard.get()
            self._newest[number] = progress
        return self._newest.pop(self._numbers.get(of, NOBODY), None)

    def stop(self, of: "Future[Any]") -> None:
        """Take work back, or have it end where it next tells how far it is."""
        if not of.cancel() and self._line is not None:
            self._stops += 1
            self._line.stopped[self._stops % STOPS] = self._numbers.get(of, NOBODY)

    def close(self) -> None:
        """End the process, whatever it is doing."""
        if self._pool is None:
            return
        self._pool.shutdown(wait=False, cancel_futures=True)
        for child in self._children:
            child.kill()
        self._pool, self._children = None, []


@dataclass(frozen=True)
class _Line:
    """What connects the worker and the process.

    Attributes:
        heard: numbers of what is done, with progress.
        stopped: numbers of what shall end.
    """

    heard: "SimpleQueue[tuple[int, Progress]]"
    stopped: Any


_numbers = count(1)
_line: _Line | None = None
_doing = NOBODY
_told = -math.inf


def tell(progress: Progress) -> None:
    """Tell the worker how far the work is that runs in this process; elsewhere do nothing.

    Raises:
        StoppedError: if nobody wants it any more.
    """
    global _told  # noqa: PLW0603
    if _line is None:
        return
    _raise_if_stopped()
    if time.monotonic() - _told >= TELL_SECONDS:
        _told = time.monotonic()
        _line.heard.put((_doing, progress))


def _carry_out(number: int, work: Callable[[], R]) -> R:
    global _doing, _told
    _doing, _told = number, -math.inf
    _raise_if_stopped()
    return work()


def _raise_if_stopped() -> None:
    if _line is not None and _doing in _line.stopped:
        raise StoppedError(tr("Stopped by hand."))


def _begin(parent: int, line: _Line) -> None:
    global _line  # noqa: PLW0603
    _line = line
    process.set_environment()
    with suppress(OSError, AttributeError):
        os.nice(LESS_URGENT)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """Leave when the worker is gone, even if it was killed and could say nothing."""
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    os._exit(0)
