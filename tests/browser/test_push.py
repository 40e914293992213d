"""What trains is pushed to the page, while its script stands still; a test plays the worker."""

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from explorer.jobs import client
from explorer.solutions.recording import RecordingHeader, RecordingLog
from explorer.specs.jobs import ReconstructSpec
from explorer.specs.recipes import FAST
from tests.browser.conftest import started
from tests.explorer.jobs.frames import change, frame

pytestmark = pytest.mark.browser
SLOWLY = 15_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The app below a base path, without a worker."""
    cache = tmp_path_factory.mktemp("push-cache")
    with started(cache, "--server.baseUrlPath", "class", EXPLORER_NO_WORKER="1") as url:
        yield url, cache


class Run:
    """A run of two restarts that a test lets make steps."""

    def __init__(self, model: str) -> None:
        spec = ReconstructSpec(
            model=model,
            text="The heron waits",
            length=3,
            arrangement="e+mN",
            recipe=FAST,
            restarts=2,
            seed=3,
        )
        self.job = client.submit(spec)
        self.header = RecordingHeader(
            model=model, target_ids=[20, 21, 22], seeds=[3, 4], d_model=32, arrangement="e+mN"
        )
        folder = client.folder_of(self.job)
        folder.mkdir(parents=True)
        self.log, self.at = RecordingLog(folder, self.header), 0
        change(self.job, state="running", sentence="Step 0.")

    def step(self, right: int) -> None:
        """Publish a frame in which `right` of the first restart's tokens are right."""
        self.at += 1
        first = [20 + n if n < right else 40 for n in range(3)]
        self.log.publish(frame(self.at, [first, [40, 40, 40]], self.header))
        change(self.job, sentence=f"Step {self.at}.", fraction=self.at / 100)


@pytest.fixture
def run(server: tuple[str, Path], tiny_model: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("EXPLORER_CACHE", str(server[1]))
    return Run(tiny_model)


def right_tokens(page: Page) -> Any:
    return page.locator(".live .tokens .token.right")


def number(page: Page, name: str) -> Any:
    return page.locator(".number", has_text=name).locator("dd")


def test_the_strip_moves_while_the_script_stands_still(
    page: Page, server: tuple[str, Path], run: Run
) -> None:
    heard: list[str] = []
    page.on("websocket", lambda ws: ws.on("framereceived", lambda _: heard.append("a rerun")))
    run.step(0)
    page.goto(f"{server[0]}/class/?job={run.job}")
    expect(number(page, "Steps, best restart")).to_have_text("1", timeout=60_000)
    page.locator("[data-test-script-state=notRunning]").wait_for()
    page.wait_for_timeout(1500)
    heard.clear()
    for right in (1, 2, 3):
        run.step(right)
        expect(right_tokens(page)).to_have_count(right)
        expect(page.locator(".live .sentence").last).to_have_text(f"Step {run.at}.")
        expect(number(page, "Correct tokens")).to_have_text(f"{right} / 3")
    expect(page.locator(".live .chart")).to_have_count(4)
    accuracy = page.locator(".live .area").first
    expect(accuracy).to_have_attribute("aria-label", re.compile("seed 3: 100%, seed 4: 0%"))
    token = page.locator(".live .token").first
    token.focus()  # reachable by keyboard, with all numbers
    assert "position 1: target" in (token.get_attribute("aria-label") or "")
    assert heard == []
    page.get_by_role("radio", name="seed 4").click()
    expect(right_tokens(page)).to_have_count(0)
    change(run.job, state="stopped")
    expect(page.get_by_text("nothing was saved")).to_be_visible()
    assert heard  # the page was told once, and shows what came of it


class Relay:
    """Passes bytes on between a browser and the server; cuts streams of events when told to."""

    def __init__(self, port: int) -> None:
        self.port, self.heads, self.streams = port, list[str](), list[socket.socket]()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                inner, _ = self.listening.accept()
            except OSError:
                return
            outer = socket.create_connection(("127.0.0.1", self.port))
            threading.Thread(target=self._pass, args=(inner, outer, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(outer, inner, False), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, asks: bool) -> None:
        try:
            while data := source.recv(65536):
                if asks and b"/live/events?" in data.split(b"\r\n", 1)[0]:
                    self.heads.append(data.decode())
                    self.streams += [source, target]
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            end.close()

    def cut(self) -> None:
        for end in self.streams:
            with contextlib.suppress(OSError):  # one of an earlier stream
                end.shutdown(socket.SHUT_RDWR)
        self.streams.clear()


def test_a_dropped_connection_is_taken_up_again(
    page: Page, server: tuple[str, Path], run: Run
) -> None:
    relay = Relay(int(server[0].rpartition(":")[2]))
    run.step(1)
    page.goto(f"{relay.address}/class/?job={run.job}")
    expect(right_tokens(page)).to_have_count(1, timeout=60_000)
    known = len(relay.heads)
    page.wait_for_timeout(500)
    relay.cut()
    run.step(3)
    expect(right_tokens(page)).to_have_count(3, timeout=SLOWLY)
    assert "last-event-id: " in relay.heads[known].lower()
    expect(page.locator(".live .note").last).not_to_contain_text("connection is lost")
    relay.listening.close()


def test_where_something_holds_the_stream_back_the_page_asks(
    page: Page, server: tuple[str, Path], run: Run
) -> None:
    page.route("**/live/events*", lambda _: None)  # never answered, as by a proxy that waits
    run.step(1)
    page.goto(f"{server[0]}/class/?job={run.job}")
    expect(right_tokens(page)).to_have_count(1, timeout=60_000)
    expect(page.locator(".live .note").last).to_contain_text("every two seconds")
    run.step(2)
    expect(right_tokens(page)).to_have_count(2, timeout=SLOWLY)


def test_eight_tabs_of_one_browser_do_not_block_each_other(
    browser: Browser, server: tuple[str, Path], run: Run
) -> None:
    """With HTTP/1.1 a browser has six connections to a server, and a stream keeps one."""
    context = browser.new_context()
    run.step(1)
    tabs = [context.new_page() for _ in range(8)]
    for tab in tabs:
        tab.goto(f"{server[0]}/class/?job={run.job}")
        expect(right_tokens(tab)).to_have_count(1, timeout=60_000)
    run.step(2)
    for tab in tabs:
        expect(right_tokens(tab)).to_have_count(2, timeout=SLOWLY)
        expect(tab.locator(".live .note").last).not_to_contain_text("holds them back")
    context.close()


def test_buttons_follow_what_somebody_else_has_asked_for(
    page: Page, server: tuple[str, Path], run: Run
) -> None:
    run.step(1)
    page.goto(f"{server[0]}/class/?job={run.job}")
    expect(page.get_by_role("button", name="Pause")).to_be_visible(timeout=60_000)
    client.ask(run.job, "pause")
    expect(page.get_by_role("button", name="Resume")).to_be_visible(timeout=SLOWLY)
    expect(page.locator(".live .state").last).to_have_text("paused")
