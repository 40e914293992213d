"""A process beside the worker, for what would hold its interpreter for seconds at a time.

UMAP compiles its inner loops at first use, some fifteen seconds of pure Python. In a thread of the
worker that kept everybody waiting: the first frame of a text was seen after 5 s instead of 1.
"""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

LESS_URGENT = 5
"""How much nicer than the worker the process is: training goes first."""
WATCH_SECONDS = 1.0


class Aside:
    """One process, started when it is first needed, that does one thing after the other."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._given: list[Future[object]] = []

    def submit(self, work: Callable[P, R], *given: P.args, **named: P.kwargs) -> "Future[R]":
        """Let the process do something; both the function and its arguments must pickle.

        The result raises what `work` raised, or `BrokenProcessPool` if the process died of it; the
        next call starts another.
        """
        done = self._submit(work, *given, **named)
        self._given = [*(f for f in self._given if not f.done()), done]  # type: ignore[list-item]
        return done

    def is_busy_before(self, work: "Future[R]") -> bool:
        """Return whether something that was given earlier is not done yet."""
        first = next((f for f in self._given if not f.done()), None)
        return first is not None and first is not work

    def _submit(self, work: Callable[P, R], *given: P.args, **named: P.kwargs) -> "Future[R]":
        if self._pool is not None:
            with suppress(BrokenProcessPool):
                return self._pool.submit(work, *given, **named)
        spawn = multiprocessing.get_context("spawn")  # no copy of the worker's threads and memory
        self._pool = ProcessPoolExecutor(1, spawn, initializer=_begin, initargs=(os.getpid(),))
        return self._pool.submit(work, *given, **named)

    def close(self) -> None:
        """End the process, whatever it is doing."""
        if self._pool is None:
            return
        processes = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
        self._pool = None


def _begin(parent: int) -> None:
    with suppress(OSError, AttributeError):
        os.nice(LESS_URGENT)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """Leave when the worker is gone, even if it was killed and could say nothing."""
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    os._exit(0)
