"""A map under a person's mouse: click, one more with Shift, lasso, and on to Paths."""

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser


@pytest.fixture
def map_page(page: Page, app_url: str) -> Page:
    page.goto(f"{app_url}/maps")
    expect(points(page).first).to_be_visible(timeout=60_000)
    page.locator("[data-test-script-state=notRunning]").wait_for(timeout=60_000)
    return page


def points(page: Page) -> Locator:
    return page.locator(".scatterlayer .trace path.point")


def chosen(page: Page) -> Locator:
    return page.get_by_text("· seed")


def click(page: Page, number: int) -> None:
    box = points(page).nth(number).bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 30, y - 30)
    page.mouse.move(x, y, steps=5)
    page.wait_for_timeout(400)  # a point is hovered before it can be clicked
    page.mouse.down()
    page.wait_for_timeout(60)
    page.mouse.up()


def test_a_click_chooses_a_solution(map_page: Page) -> None:
    expect(map_page.get_by_text("Click a point")).to_be_visible()
    click(map_page, 0)
    expect(chosen(map_page)).to_have_count(1)


def test_a_lasso_chooses_several_and_two_of_one_text_lead_to_paths(map_page: Page) -> None:
    area = map_page.locator(".nsewdrag").first.bounding_box()
    assert area is not None
    map_page.locator(".js-plotly-plot").first.hover()
    map_page.locator('.modebar-btn[data-title="Lasso Select"]').click()
    corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98), (0.02, 0.04)]
    at = [(area["x"] + area["width"] * x, area["y"] + area["height"] * y) for x, y in corners]
    map_page.mouse.move(*at[0])
    map_page.mouse.down()
    for corner in at[1:]:
        map_page.mouse.move(*corner, steps=8)
    map_page.mouse.up()
    expect(map_page.get_by_text("chosen, the first 12 shown")).to_be_visible()
    expect(chosen(map_page)).to_have_count(12)
    link = map_page.get_by_role("link", name="Connect these two")
    ends = parse_qs(urlsplit(link.get_attribute("href") or "").query)
    assert len({*ends["a"], *ends["b"]}) == 2
    with map_page.expect_popup() as opened:
        link.click()
    expect(opened.value.get_by_role("button", name="Connect", exact=True)).to_be_visible()
