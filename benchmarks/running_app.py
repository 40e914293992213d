"""The app as a person starts it: a server, somebody who looks at it, and the worker it starts."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from explorer.base import folders


class App:
    """The app as a person starts it, and somebody who looks at a page once a second."""

    def __init__(self, log: Path, address: str = "127.0.0.1") -> None:
        self._log, self._address = log, address
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    @property
    def pid(self) -> int:
        """The server's process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start a server on a free port and wait until it answers."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true"]
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(  # noqa: S603 (our own app)
                [*command, "--server.port", str(self._port), "--server.address", self._address],
                cwd=folders.PROJECT,
                stdout=out,
                stderr=out,
            )
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 1):
                return
            time.sleep(0.2)
        raise RuntimeError(f"The server does not answer; see {self._log}.")

    def look(self) -> None:
        """Open the first page, as a browser does: this is what starts a worker."""
        from streamlit.proto.BackMsg_pb2 import BackMsg
        from websockets.exceptions import WebSocketException
        from websockets.sync.client import connect

        message = BackMsg()
        message.rerun_script.query_string = ""
        address = f"ws://127.0.0.1:{self._port}/_stcore/stream"
        with (
            suppress(OSError, WebSocketException, TimeoutError),
            connect(address, subprotocols=["streamlit"], max_size=None) as page,  # type: ignore[list-item]
        ):
            page.send(message.SerializeToString())
            end = time.monotonic() + 1
            while time.monotonic() < end:
                page.recv(timeout=0.5)

    def kill(self) -> None:
        """Kill the server; its worker is left without a parent."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End the server, and whatever it has started."""
        assert self._process is not None
        started = psutil.Process(self._process.pid).children(recursive=True)
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        self.kill()
        for process in started:
            with suppress(psutil.NoSuchProcess):
                process.kill()


@contextmanager
def own_cache(*, linked: bool = True) -> Iterator[Path]:
    """Use a cache that is gone afterwards, so that this machine's stays as it is.

    Args:
        linked: whether it has the models and texts that are here.
    """
    real, before = folders.local(), os.environ.get("EXPLORER_CACHE")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for name in ("models", "assets", "texts") if linked else ():
            if (real / name).is_dir():
                (Path(folder) / name).symlink_to((real / name).resolve())
        os.environ["EXPLORER_CACHE"] = folder
        try:
            yield Path(folder)
        finally:
            del os.environ["EXPLORER_CACHE"]
            if before is not None:
                os.environ["EXPLORER_CACHE"] = before


@contextmanager
def running_app(address: str = "127.0.0.1") -> Iterator[str]:
    """Start the app and give its address; end it, and what it has started, afterwards.

    Args:
        address: at which it listens; `0.0.0.0` for a class.
    """
    app = App(folders.make(folders.local() / "logs") / "server.log", address)
    app.start()
    try:
        yield f"http://127.0.0.1:{app.port}"
    finally:
        app.close()


def worker() -> psutil.Process | None:
    """Return the worker that is alive on this cache, or None."""
    for process in psutil.process_iter(["cmdline"]):
        with suppress(psutil.Error):
            ours = "explorer.worker.main" in (process.info["cmdline"] or [])
            if ours and process.environ().get("EXPLORER_CACHE") == str(folders.local()):
                return process
    return None
