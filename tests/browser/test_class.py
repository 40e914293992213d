"""A class: browsers told apart by a cookie, the wall that fills in live, and what the host does."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from explorer.people import owners, wall
from explorer.people.person import Person, recognised, rename
from explorer.solutions.recording import PHASES
from tests.browser.conftest import started
from tests.browser.test_push import Run
from tests.explorer.jobs.frames import change, frame

pytestmark = pytest.mark.browser
KEY = "the-key-of-this-test"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("class-cache")


@pytest.fixture(scope="module")
def server(cache: Path) -> Iterator[str]:
    """The app as a class has it: every network can reach it. Without a worker."""
    options = ("--server.address", "0.0.0.0", "--server.baseUrlPath", "lab")
    with started(cache, *options, EXPLORER_NO_WORKER="1", EXPLORER_HOST_KEY=KEY) as url:
        yield f"{url}/lab"


@pytest.fixture
def run(cache: Path, tiny_model: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setenv("EXPLORER_CACHE", str(cache))
    made = Run(tiny_model)
    yield made
    change(made.job, state="stopped")
    wall.clear(Person(None, is_host=True))


@pytest.fixture
def other(browser: Browser) -> Iterator[Page]:
    """The page of somebody else's browser."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


def person(context: BrowserContext) -> Person:
    (cookie,) = [c for c in context.cookies() if c.get("name") == "explorer-browser"]
    assert cookie.get("httpOnly") and cookie.get("path") == "/lab"
    return recognised(str(cookie.get("value")))


def finish(run: Run) -> None:
    last = frame(run.at + 1, [[20, 21, 22], [40, 40, 40]], run.header)
    last["phase"] = PHASES.index("done")
    run.log.publish(last)


def test_the_wall_fills_in_while_the_script_stands_still(page: Page, server: str, run: Run) -> None:
    heard: list[str] = []
    page.on("websocket", lambda ws: ws.on("framereceived", lambda _: heard.append("a rerun")))
    page.goto(f"{server}/classroom")
    expect(page.get_by_role("heading", level=1)).to_have_text("0 of 1 exact", timeout=60_000)
    tile = page.locator(".tile")
    expect(tile.locator(".words")).to_have_text("The heron waits")  # before its first frame
    page.locator("[data-test-script-state=notRunning]").wait_for()
    page.wait_for_timeout(1500)
    heard.clear()
    owners.note(ada := person(page.context), run.job)
    rename(ada, "<b>Ada</b>")
    for right in (1, 2):
        run.step(right)
        expect(tile.locator(".score")).to_have_text(f"{right} / 3")
        expect(tile.locator(".word.correct")).to_have_count(right)
    assert tile.locator(".words").get_attribute("translate") == "no"
    expect(tile.locator(".who")).to_have_text("<b>Ada</b> (you)")
    width = tile.locator(".word").first.bounding_box()
    finish(run)
    expect(tile).to_have_class("tile exact mine")
    expect(page.get_by_role("heading", level=1)).to_have_text("1 of 1 exact")
    assert tile.locator(".word").first.bounding_box() == width, "nothing jumps"
    second = Run(run.header.model)
    expect(page.locator(".tile")).to_have_count(2)
    page.get_by_role("radio", name="Progress").click()
    expect(page.locator(".tile").first).to_have_class("tile exact mine")
    tile.first.click()
    large = page.locator("dialog")
    expect(large.locator(".tokens .token.right")).to_have_count(3)
    expect(large.locator(".chart")).to_have_count(4)
    expect(large.get_by_role("button", name="Take off the wall")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(large).to_be_hidden()
    assert heard == []
    change(second.job, state="stopped")
    expect(page.locator(".tile")).to_have_count(1)


def test_the_host_takes_a_text_off_and_nobody_else_can(
    page: Page, other: Page, server: str, run: Run
) -> None:
    run.step(1)
    other.goto(f"{server}/classroom")
    expect(other.locator(".tile")).to_have_count(1, timeout=60_000)
    expect(other.get_by_text("Clear up")).to_have_count(0)
    page.goto(f"{server}/classroom?host={KEY}")
    expect(page.locator(".tile")).to_have_count(1, timeout=60_000)
    assert "host=" not in page.url
    page.locator(".tile").click()
    page.get_by_role("button", name="Take off the wall").click()
    for each in (page, other):
        expect(each.locator(".tile")).to_have_count(0)
        expect(each.get_by_text("Nobody has started yet.")).to_be_visible()
    page.get_by_text("Host", exact=True).click()
    page.get_by_role("button", name="Put back").first.click()
    for each in (page, other):
        expect(each.locator(".tile")).to_have_count(1)


def test_one_browser_can_stop_what_is_its_own(
    page: Page, other: Page, server: str, run: Run
) -> None:
    page.goto(server)
    page.get_by_role("button", name="Your name").click(timeout=60_000)
    page.get_by_role("textbox", name="Your name").fill("Ada")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Ada")).to_be_visible()
    owners.note(person(page.context), run.job)
    other.goto(f"{server}/?job={run.job}")
    expect(other.get_by_text("By Ada")).to_be_visible(timeout=60_000)
    expect(other.get_by_role("button", name="Stop")).to_have_count(0)
    page.goto(f"{server}/?job={run.job}")
    page.get_by_role("button", name="Stop").click(timeout=60_000)
    expect(other.get_by_text("nothing was saved")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Ada")).to_be_visible()
