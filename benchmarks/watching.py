"""What it costs to be watched: `python -m benchmarks.watching` polls the log of a run as pages do.

Thirty viewers of one run (200 frames of 4 restarts, 24 tokens, d_model 576), each in a thread of
its own, ask every 0.2 s for the newest frame and every 3 s for all of them. Measured, each in a
fresh process: microseconds and bytes a poll, and how much more memory the process holds after ten
such minutes, once as pages read now and once with the whole log read at every poll. Nothing sleeps
in between, so it takes seconds; no model is loaded.
"""

import argparse
import multiprocessing
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil

from explorer.solutions.recording import (
    MAX_FRAMES,
    Recording,
    RecordingHeader,
    RecordingLog,
    read_log,
)
from explorer.solutions.watching import read_newest, watch

HEADER = RecordingHeader(
    model="made up", target_ids=list(range(24)), seeds=[0, 1, 2, 3], d_model=576, arrangement="e+mN"
)
POLLS_A_MINUTE = 300
HISTORY_EVERY = 15
"""Polls of the newest frame for one of all frames."""


def main() -> None:
    """Poll both ways and print what it took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.watching", description=__doc__)
    parser.add_argument("--viewers", type=int, default=30)
    parser.add_argument("--minutes", type=int, default=10)
    asked = parser.parse_args()
    for title, now in (("the whole log at every poll", False), ("the newest frame", True)):
        with multiprocessing.get_context("spawn").Pool(1) as fresh:
            micro, size, grown = fresh.apply(_measure, (now, asked.viewers, asked.minutes))
        print(f"{title}: {micro:.0f} µs and {size / 1e3:.1f} kB a poll, {grown / 1e6:+.1f} MB held")


def _measure(now: bool, viewers: int, minutes: int) -> tuple[float, float, int]:
    """Return microseconds and bytes a poll, and the bytes that the process grew by."""
    process = psutil.Process()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        log = RecordingLog(folder, HEADER)
        for step in range(1, MAX_FRAMES):
            frame = np.zeros(1, dtype=HEADER.frame_dtype)
            frame["step"] = step
            log.publish(frame)
        newest, everything = (read_newest, watch) if now else (read_log, read_log)

        def view(polls: int) -> None:
            kept: Recording | None = None
            for poll in range(polls):
                kept = everything(folder) if poll % HISTORY_EVERY == 0 else newest(folder)
            assert kept is not None

        view(HISTORY_EVERY)
        held, read = process.memory_info().rss, process.io_counters().read_chars
        polls, started = minutes * POLLS_A_MINUTE, time.perf_counter()
        threads = [threading.Thread(target=view, args=(polls,)) for _ in range(viewers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - started
        count = viewers * polls
        read = process.io_counters().read_chars - read
        return 1e6 * seconds / count, read / count, process.memory_info().rss - held


if __name__ == "__main__":
    main()
