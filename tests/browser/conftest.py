"""The running app and a headless Chromium to drive it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from explorer.base import folders
from explorer.site.writing import write

expect.set_options(timeout=30_000)
APP = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true"]
TOUR_SEEN = "try { localStorage.setItem('explorer-tour', 'seen') } catch {}"
"""Keeps the tour from beginning by itself, as in a browser that was here before."""
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


def chromium() -> str | None:
    return next(
        (p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))),
        None,
    )


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = chromium()
    if path is None:
        reason = "Chromium is not installed (Debian: apt-get install chromium)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def app_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of the app that `app_url` starts."""
    return tmp_path_factory.mktemp("browser-cache")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until_it_answers(port: int, server: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait for a server on this machine; what it has logged is said if it ends or takes long."""
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 2).close()
            return
        except OSError:
            assert server.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)


@contextmanager
def started(
    cache: Path, *options: str, port: int | None = None, **environment: str
) -> Iterator[str]:
    """The app, started as a person starts it, on a free port; gives its address without a path."""
    port, log = port or free_port(), cache / "server.log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            [*APP, "--server.port", str(port), *options],
            cwd=folders.PROJECT,
            env=os.environ | {"EXPLORER_CACHE": str(cache), "PIP_NO_INDEX": "1"} | environment,
            stdout=out,
            stderr=out,
        )
    try:
        until_it_answers(port, server, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(20)


@pytest.fixture(scope="module")
def app_url(app_cache: Path) -> Iterator[str]:
    """The app with a cache of its own."""
    with started(app_cache) as url:
        yield url


@pytest.fixture(scope="session")
def read_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One app for all who only look at what ships."""
    with started(tmp_path_factory.mktemp("read-cache")) as url:
        yield url


@pytest.fixture(scope="session")
def site_pages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The exported site, written once."""
    return write(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="session")
def one_of_each(site_pages: list[Path]) -> list[Path]:
    """Of every kind of page of the exported site the first: all runs are drawn alike."""
    return list({file.stem.partition("-")[0]: file for file in reversed(site_pages)}.values())


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test on script errors and on requests that leave this machine."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, ignore_https_errors=True
    )  # a certificate that a test makes for itself
    context.add_init_script(TOUR_SEEN)
    opened = context.new_page()
    opened.set_default_timeout(30_000)
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on(
        "request",
        lambda r: (
            problems.append(r.url)
            if r.url.startswith("http") and "127.0.0.1" not in r.url
            else None
        ),
    )
    yield opened
    context.close()
    assert not problems


@pytest.fixture
def tiny_model(tiny_llama_folder: Path) -> str:
    return str(tiny_llama_folder)
