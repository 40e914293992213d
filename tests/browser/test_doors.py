"""What a visitor from elsewhere can do to the server's disk, and to other people's browsers."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


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
    page: Page, app_url: str, proxied: str, tiny_model: str
) -> None:
    def choose(url: str, folder: str) -> None:
        page.goto(f"{url}/?model=other")
        field = page.get_by_label("Hub id or folder")
        field.fill(folder)
        field.press("Enter")

    choose(app_url, tiny_model)
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible()
    for folder in (tiny_model, "/nowhere/at/all"):
        choose(proxied, folder)
        expect(page.get_by_text("EXPLORER_ROOTS")).to_be_visible()
        expect(page.get_by_role("button", name="Start", exact=True)).to_have_count(0)
