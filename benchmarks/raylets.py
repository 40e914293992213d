"""Nodes of a Ray cluster on one machine, each on a loopback address of its own."""

import itertools
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from explorer.base.errors import BadInputError
from explorer.cluster import joining

PATIENCE = 240.0
"""Seconds after which a node that does not answer has failed."""
STRICT = {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "RAY_health_check_initial_delay_ms": "1000",  # a node that was killed is missed in seconds
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
}
"""Environment of Ray here: to be set before it is imported."""


class Nodes:
    """Nodes of one core each, started as people start them.

    Attributes:
        address: of the first, which the others join.
        running: their processes, in the order in which they joined.
    """

    def __init__(self, folder: Path) -> None:
        """Start the first.

        Args:
            folder: for its log.
        """
        with socket.socket() as free:
            free.bind(("127.0.0.2", 0))
            port = free.getsockname()[1]
        self.address = f"127.0.0.2:{port}"
        self._folder = folder
        self._hosts = itertools.count(2)  # 127.0.0.1 would stand for the machine's address
        head = self._started("--head", f"--port={port}", "--include-dashboard=false")
        self.running = [head]

    def _started(self, *options: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", *options]
        command += [f"--node-ip-address=127.0.0.{next(self._hosts)}", "--num-cpus=1"]
        command += [f"--object-store-memory={80_000_000}", "--disable-usage-stats"]
        with (self._folder / "ray.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603

    def add(self) -> None:
        """Let another join."""
        self.running.append(self._started(f"--address={self.address}"))

    def kill(self) -> None:
        """Kill the last that joined, with all that it has started."""
        started = self.running.pop()
        assert started.poll() is None, (self._folder / "ray.log").read_text()[-2_000:]
        for process in psutil.Process(started.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        started.kill()
        started.wait()


@contextmanager
def two(folder: Path) -> Iterator[Nodes]:
    """Start two nodes and join them; kill what is left at the end."""
    nodes = Nodes(folder)
    try:
        ends = time.monotonic() + PATIENCE
        while True:
            try:
                joining.require_answer(nodes.address)
                break
            except BadInputError:
                assert time.monotonic() < ends
                time.sleep(0.5)
        nodes.add()
        with joining.joined(nodes.address):
            yield nodes
    finally:
        while nodes.running:
            nodes.kill()


class ProcessorTime(threading.Thread):
    """Watches what processor time this process and all that it has started take.

    Attributes:
        seconds: of each process by its id, user and system.
        starting: of each process that computes, before it was given its first part.
        before: seconds of this process until then.
    """

    def __init__(self, computes: str) -> None:
        """Watch from here.

        Args:
            computes: what a process is called while it carries a part out.
        """
        super().__init__(daemon=True)
        self._computes, self._over = computes, threading.Event()
        self.seconds: dict[int, float] = {}
        self.starting: dict[int, float] = {}
        self.before = time.process_time()

    def run(self) -> None:
        """Look several times a second: who is killed takes its times along."""
        while not self._over.wait(0.2):
            self._look()

    def _look(self) -> None:
        here = psutil.Process()
        for process in (here, *here.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                self.seconds[process.pid] = times.user + times.system
                if process.name() == self._computes:
                    self.starting.setdefault(process.pid, times.user + times.system)

    def stop(self) -> dict[str, float]:
        """Return the seconds of those that compute, before and since, and of all others."""
        self._over.set()
        self.join()
        self._look()
        computing = sum(self.seconds[pid] for pid in self.starting)
        starting = sum(self.starting.values())
        others = sum(self.seconds.values()) - computing - self.before
        return {"starting": starting, "computing": computing - starting, "others": others}
