"""What it costs to be watched: `python -m benchmarks.push` counts the server's work a viewer.

Starts the app without a worker and plays one: it publishes five frames a second (4 restarts, 24
tokens, d_model 576) while 1, 30 and 100 viewers follow one job, and 30 each a job of their own. A
viewer is a connection that reads events and counts frames; it draws nothing. Measured: processor
milliseconds of the web process for each frame that reached a viewer, bytes of it, the age of a
frame when it arrives, and the memory of the process. A lone viewer bears the cost of looking
alone. What the process spends without viewers is given beside it, and not taken off.
"""

import argparse
import json
import os
import selectors
import socket
import statistics
import tempfile
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.running_app import App
from explorer.base.database import JobRow, transaction
from explorer.jobs import client
from explorer.solutions.recording import RecordingHeader, RecordingLog
from explorer.specs.jobs import ReconstructSpec
from explorer.specs.recipes import FAST

HEADER = RecordingHeader(
    model="made up", target_ids=list(range(24)), seeds=[0, 1, 2, 3], d_model=576, arrangement="e+mN"
)
FRAMES_A_SECOND = 5
CHANGED = 0.1
"""Part of the tokens that say something else in the next frame."""


class Jobs:
    """Runs in progress, whose frames a thread publishes."""

    def __init__(self, count: int) -> None:
        """Begin `count` runs."""
        spec = ReconstructSpec(
            model="made up", text="any", length=24, arrangement="e+mN", recipe=FAST, restarts=4
        )
        self.ids = [client.submit(spec) for _ in range(count)]
        with transaction() as session:
            for job in self.ids:
                row = session.get(JobRow, job)
                assert row is not None
                row.state = "running"
        for job in self.ids:
            client.folder_of(job).mkdir(parents=True)
        self._logs = [RecordingLog(client.folder_of(job), HEADER) for job in self.ids]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._publish)
        self.published: dict[int, float] = {}

    def __enter__(self) -> "Jobs":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _publish(self) -> None:
        draw = np.random.default_rng(0)
        frame = np.zeros(1, dtype=HEADER.frame_dtype)
        step = 0
        while not self._ended.wait(1 / FRAMES_A_SECOND):
            step += 1
            other = draw.random(frame["predicted"].shape) < CHANGED
            frame["predicted"][other] = draw.integers(0, 49_152, int(other.sum()))
            frame["p"] = draw.random(frame["p"].shape)
            frame["step"], frame["steps"], frame["seconds"] = step, step, step / 5
            self.published[step] = time.perf_counter()
            for log in self._logs:
                log.publish(frame)


class Viewers:
    """Connections that read events; all in this thread, so that they cost the server nothing."""

    def __init__(self, port: int, jobs: list[str]) -> None:
        """Connect one viewer to each of `jobs`, which may name one several times."""
        self._selector = selectors.DefaultSelector()
        self._rest: dict[socket.socket, bytes] = {}
        for job in jobs:
            found = socket.create_connection(("127.0.0.1", port))
            found.sendall(
                f"GET /live/events?job={job} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
            )
            found.setblocking(False)
            self._selector.register(found, selectors.EVENT_READ)
            self._rest[found] = b""

    def read(self, seconds: float) -> Iterator[tuple[int, int]]:
        """Give for each frame that arrives its step and how many bytes it came in."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            for key, _ in self._selector.select(left):
                connection = key.fileobj
                assert isinstance(connection, socket.socket)
                data = self._rest[connection] + connection.recv(2**20)
                *whole, self._rest[connection] = data.split(b"\n\n")
                for event in whole:
                    if b"\ndata: {" in event and b'"frames":' in event:
                        message = json.loads(event.partition(b"\ndata: ")[2])
                        steps = np.frombuffer(b64decode(message["frames"]["step"]), "<i4")
                        yield int(steps[-1]), len(event)

    def close(self) -> None:
        """Go away."""
        for connection in self._rest:
            connection.close()
        self._selector.close()


def measure(app: App, viewers: int, jobs: int, seconds: float) -> dict[str, Any]:
    """Return what it costs to let `viewers` follow `jobs` for some seconds."""
    web = psutil.Process(app.pid)
    with Jobs(jobs) as made:
        following = Viewers(app.port, [made.ids[v % jobs] for v in range(viewers)])
        for _ in following.read(3):  # histories, and what is done once
            pass
        before = _seconds_of(web)
        heard = [(step, size, time.perf_counter()) for step, size in following.read(seconds)]
        spent = _seconds_of(web) - before
        following.close()
        time.sleep(1)
        before = _seconds_of(web)
        time.sleep(seconds / 2)
        idle = _seconds_of(web) - before
    ages = [at - made.published[step] for step, _, at in heard if step in made.published]
    return {
        "viewers": viewers,
        "jobs": jobs,
        "updates": len(heard),
        "updates a second and viewer": round(len(heard) / seconds / viewers, 2),
        "ms an update": round(1000 * spent / max(1, len(heard)), 3),
        "share of a core": round(spent / seconds, 3),
        "share without viewers": round(idle / (seconds / 2), 3),
        "bytes an update": round(statistics.mean(size for _, size, _ in heard)),
        "age, median, s": round(statistics.median(ages), 3),
        "age, 95th, s": round(float(np.quantile(ages, 0.95)), 3),
        "memory, MB": round(web.memory_info().rss / 1e6),
    }


def _seconds_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.push", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        os.environ |= {"EXPLORER_CACHE": scratch, "EXPLORER_NO_WORKER": "1"}
        app = App(Path(scratch) / "server.log")
        app.start()
        try:
            measure(app, 30, 1, 10)  # a process that has just begun works more
            rows = [
                measure(app, *who, asked.seconds) for who in ((1, 1), (30, 1), (100, 1), (30, 30))
            ]
        finally:
            app.close()
    for row in rows:
        line = ", ".join(f"{name} {value}" for name, value in row.items())
        print(json.dumps(row) if asked.json else line)


if __name__ == "__main__":
    main()
