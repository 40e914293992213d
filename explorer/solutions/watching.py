"""Looking at a run in progress again and again: what is new is read, what is known is kept.

Thirty people look five times a second; a log of 200 frames has 700 kB.
"""

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from explorer.solutions.recording import (
    LOG,
    Recording,
    RecordingHeader,
    live_frame,
    read_head,
    whole_frames,
    with_newest,
)

FORGET_SECONDS = 60.0
"""How long what somebody watches is kept in memory after the last look."""


def read_newest(folder: Path) -> Recording | None:
    """Read the newest frame alone of a run in progress, or None before its first.

    Of the log only the head is read, and the last record where there is no frame in `live` yet:
    it is asked for several times a second, for everybody who watches.
    """
    with contextlib.suppress(OSError, ValueError), (folder / LOG).open("rb") as log:
        head, header = read_head(log)
        newest = live_frame(folder, header)
        if not len(newest):
            size = header.frame_dtype.itemsize
            whole = (log.seek(0, os.SEEK_END) - len(head)) // size
            log.seek(len(head) + max(0, whole - 1) * size)
            newest = np.frombuffer(log.read(size), dtype=header.frame_dtype)
        return Recording(header, newest) if len(newest) else None
    return None


class LogReader:
    """Reads what a run in progress has shown: at first all of it, then only what was added."""

    def __init__(self, folder: Path) -> None:
        """Read nothing yet."""
        self.folder = folder
        self._head = b""
        self._frames: NDArray[Any] = np.zeros(0)  # those of the log with that head
        self._lock = threading.Lock()

    def read(self) -> Recording | None:
        """Return all frames that there are by now, or None before the first."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            with (self.folder / LOG).open("rb") as log:
                head, header = read_head(log)
                self._add(log, head, header)
            frames = with_newest(self._frames, live_frame(self.folder, header))
            return Recording(header, frames) if len(frames) else None
        return None

    def _add(self, log: BinaryIO, head: bytes, header: RecordingHeader) -> None:
        """Read on after the last known record, or all again if the log was thinned or is new."""
        size = header.frame_dtype.itemsize
        known = self._frames if head == self._head else self._frames[:0]
        if len(known):
            log.seek(len(head) + (len(known) - 1) * size)
            if log.read(size) != known[-1:].tobytes():
                known = known[:0]
                log.seek(len(head))
        new = whole_frames(log.read(), header)
        if len(known) and len(new):
            new = np.concatenate([known, new])
        self._head, self._frames = head, new if len(new) else known
        self._frames.flags.writeable = False  # shared by all who watch


_watched: dict[Path, tuple[float, LogReader]] = {}
_watching = threading.Lock()


def watch(folder: Path) -> Recording | None:
    """Return all frames of a run in progress to somebody who asks again and again, else `read_log`.

    All who ask within one process share one reader. It is forgotten a minute after the last did.
    """
    now = time.monotonic()
    with _watching:
        for other in [key for key, (asked, _) in _watched.items() if now - asked > FORGET_SECONDS]:
            del _watched[other]
        reader = _watched[folder][1] if folder in _watched else LogReader(folder)
        _watched[folder] = now, reader
    return reader.read()
