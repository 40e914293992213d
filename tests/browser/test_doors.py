"""What a visitor from elsewhere can do to the server's disk, and to other people's browsers."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.hostile import HOSTILE, fill

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def links(app_cache: Path) -> Iterator[dict[str, str]]:
    """A hostile library in the app's cache, and what its links lead to; nobody works on it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPLORER_CACHE", str(app_cache))
        patch.setenv("EXPLORER_NO_WORKER", "1")
        yield fill()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _serve(listener: socket.socket, port: int) -> None:
    """Pass every connection on, noting in its first request for whom it is made."""
    while True:
        try:
            visitor, _ = listener.accept()
        except OSError:
            return
        head = b""
        while b"\r\n" not in head:
            head += visitor.recv(65536)
        line, _, rest = head.partition(b"\r\n")
        app = socket.create_connection(("127.0.0.1", port))
        app.sendall(line + b"\r\nX-Forwarded-For: 203.0.113.7\r\n" + rest)
        for ends in ((visitor, app), (app, visitor)):
            threading.Thread(target=_pump, args=ends, daemon=True).start()


@pytest.fixture
def proxied(app_url: str) -> Iterator[str]:
    """The app behind a reverse proxy on this machine: every visitor comes from 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(app_url.rpartition(":")[2])
        threading.Thread(target=_serve, args=(listener, port), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def test_a_folder_is_a_model_for_who_sits_here_and_not_behind_a_proxy(
    page: Page, links: dict[str, str], app_url: str, proxied: str, tiny_model: str
) -> None:
    page.set_default_timeout(90_000)

    def choose(url: str, folder: str) -> None:
        page.goto(f"{url}/?model=Another+model")
        field = page.get_by_role("textbox", name="Hub id or folder")
        field.fill(folder)
        field.press("Enter")

    choose(app_url, tiny_model)
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible()
    for folder in (tiny_model, "/nowhere/at/all"):
        choose(proxied, folder)
        expect(page.get_by_text("EXPLORER_ROOTS")).to_be_visible()
        expect(page.get_by_role("button", name="Start", exact=True)).to_have_count(0)


READ_AS_MARKUP = (
    'img[src*="evil"], a[href*="evil"], .katex, [style*="color: red"], '
    '.stMarkdown strong:text-is("evil"), .stMarkdown code:text-is("evil")'
)


def test_nothing_that_others_wrote_is_fetched_or_becomes_a_link(
    page: Page, links: dict[str, str], app_url: str
) -> None:
    page.set_default_timeout(90_000)
    visits = {
        "": {"job": HOSTILE},
        "reconstruct": {"solution": links["solution"]},
        "paths": {"job": links["paths"]},
        "landscape": {"job": links["landscape"]},
        "distances": {"set": links["set"]},
        "maps": {"set": links["set"]},
        "library": {"room": "Jobs"},
        "paper": {},
        "capacity": {"run": "e"},
    }
    for name, query in visits.items():
        asked = "&".join(f"{key}={quote(value)}" for key, value in query.items())
        page.goto(f"{app_url}/{name}?{asked}")
        expect(page.get_by_text("evil").first).to_be_attached(timeout=120_000)
        expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=120_000)
        page.wait_for_timeout(500)
        expect(page.locator(READ_AS_MARKUP)).to_have_count(0)
        shown = page.inner_text("body").replace("\u2060", "")
        if name in ("", "landscape"):
            assert HOSTILE in shown  # exactly as it was written
    page.goto(f"{app_url}/maps?set={links['set']}")
    second = page.get_by_role("option").nth(1)
    for _ in range(20):  # the map, which comes later, closes a list that was open
        if not second.is_visible():
            page.get_by_role("combobox", name="Choose solutions by their text").click()
            page.wait_for_timeout(1_000)
    expect(second).to_contain_text("<img src=http")
    expect(page.locator(READ_AS_MARKUP)).to_have_count(0)
