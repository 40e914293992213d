"""A click on a chart reaches what it points at, and no traceback comes of it."""

import time

import pytest
from playwright.sync_api import Locator, Page, Position, expect

pytestmark = pytest.mark.browser


def drawn(page: Page, url: str) -> None:
    page.goto(url)
    page.locator("[data-test-script-state=notRunning]").wait_for(timeout=90_000)
    page.locator(".js-plotly-plot .main-svg").first.wait_for(state="attached", timeout=60_000)
    page.wait_for_timeout(1_500)  # Plotly has drawn, and drawn again for its margins


def click(place: Locator, x: float, y: float) -> None:
    """Move the mouse over a place and click it, at shares of its width and height.

    Plotly's own layer lies above what it answers for, so nothing is asked of who receives the
    click; a chart that is drawn anew meanwhile is found again.
    """
    end, box = time.monotonic() + 20, place.bounding_box()
    while box is None and time.monotonic() < end:  # it is being drawn
        box = place.bounding_box()
    assert box is not None
    at = Position(x=box["width"] * x, y=box["height"] * y)
    place.hover(position=at, force=True)
    place.page.wait_for_timeout(400)  # a point is hovered before it can be clicked
    place.click(position=at, force=True)


def test_a_click_on_a_landscape_reads_the_text_there(page: Page, read_url: str) -> None:
    drawn(page, f"{read_url}/landscape")
    said = page.get_by_text("What the model outputs at this point")
    first = said.inner_text()
    for place in ((0.2, 0.3), (0.6, 0.5)):
        click(page.locator(".js-plotly-plot .nsewdrag").first, *place)
        expect(said).not_to_have_text(first)
        first = said.inner_text()
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_a_click_on_a_pair_of_texts_shows_both(page: Page, read_url: str) -> None:
    drawn(page, f"{read_url}/distances")
    pairs = page.locator(".js-plotly-plot").filter(has=page.locator("path.point")).first
    expect(page.get_by_text("Click a point to read its two texts.")).to_be_visible()
    click(pairs.locator("path.point").nth(7), 0.5, 0.5)
    expect(page.get_by_test_id("stText")).to_have_count(2)
    expect(page.get_by_text("Click a point to read its two texts.")).to_have_count(0)
    expect(page.get_by_test_id("stException")).to_have_count(0)
