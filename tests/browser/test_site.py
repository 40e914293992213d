"""The exported site: opened from the disk with no network, and within a course page."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser


@pytest.fixture
def pages(site_pages: list[Path]) -> list[Path]:
    return site_pages


@pytest.fixture
def offline(browser: Browser, pages: list[Path]) -> Iterator[Page]:
    """A page without a network, which fails the test if anything else than the folder is asked."""
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900})
    opened, problems = context.new_page(), list[str]()
    opened.on("pageerror", lambda error: problems.append(str(error)))
    home = pages[0].parent.parent.as_uri()
    opened.on("request", lambda r: None if r.url.startswith(home) else problems.append(r.url))
    yield opened
    context.close()
    assert not problems


def test_every_page_draws_its_charts_and_asks_nobody(offline: Page, pages: list[Path]) -> None:
    drawn = 0
    for file in pages:
        offline.goto(file.as_uri())
        plots = offline.locator(".plot")
        for k in range(plots.count()):
            plots.nth(k).scroll_into_view_if_needed()
            expect(plots.nth(k).locator(".main-svg").first).to_be_visible()
        drawn += plots.count()
        expect(offline.locator(".strip:empty")).to_have_count(0)
    assert drawn > len(pages)


def test_a_recorded_run_plays_to_its_text(offline: Page, pages: list[Path]) -> None:
    offline.goto(next(file for file in pages if file.name == "run-1-ferry.html").as_uri())
    expect(offline.locator(".token.wrong").first).to_be_visible()
    offline.get_by_role("button", name="Play from noise to text").press("Enter")
    expect(offline.locator(".token.wrong")).to_have_count(0)
    said = "".join(offline.locator(".token .say").all_inner_texts())
    assert said.split() == offline.locator("blockquote").inner_text().split()


@pytest.fixture
def server(pages: list[Path]) -> Iterator[str]:
    """The folder above the site on a plain web server, such as a learning platform's."""
    handler = partial(SimpleHTTPRequestHandler, directory=pages[0].parent.parent)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


def test_it_works_within_a_sandboxed_frame_of_a_course_page(
    page: Page, pages: list[Path], server: str
) -> None:
    site = pages[0].parent
    frame = f'<iframe sandbox="allow-scripts" src="{site.name}/" width="900" height="700"></iframe>'
    (site.parent / "course.html").write_text(frame)
    page.goto(f"{server}/course.html")
    inside = page.frame_locator("iframe")
    inside.get_by_role("link", name="Paper vs here").click()
    expect(inside.get_by_role("heading", level=1)).to_contain_text("The paper")
    inside.locator(".plot").first.scroll_into_view_if_needed()
    expect(inside.locator(".plot .main-svg").first).to_be_visible()
