"""A map under a person's mouse: click, one more with Shift, lasso, and on to Paths."""

from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest
from playwright.sync_api import Locator, Page, expect

from widgets import map_set_up

pytestmark = pytest.mark.browser


@pytest.fixture
def map_page(page: Page, read_url: str) -> Page:
    page.goto(f"{read_url}/maps")
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


def same_text(page: Page) -> Locator:
    """Points with a thick rim."""
    return page.locator(".scatterlayer path.point.same-text")


def test_a_click_marks_the_points_of_that_text_and_greys_none(page: Page, read_url: str) -> None:
    page.goto(f"{read_url}/maps?colour=output+text")
    expect(points(page).first).to_be_visible(timeout=60_000)
    page.locator("[data-test-script-state=notRunning]").wait_for(timeout=60_000)
    texts = points(page).evaluate_all("all => all.map(p => p.__data__.tx)")
    number = next(k for k, text in enumerate(texts) if texts.count(text) > 2)
    fills = points(page).evaluate_all("all => all.map(p => p.style.fill)")
    click(page, number)
    expect(chosen(page)).to_have_count(1)
    expect(page.get_by_text("thick rim")).to_be_visible()
    expect(same_text(page)).to_have_count(texts.count(texts[number]))
    expect(same_text(page).first).to_have_css("stroke-width", "3px")
    expect(same_text(page).first).to_have_css("opacity", "1")
    looks = points(page).evaluate_all("all => all.map(p => [p.style.fill, +p.style.opacity])")
    assert [fill for fill, _ in looks] == fills  # each in its own color, and in sight
    assert {opacity for _, opacity in looks} == {0.5, 1}


def test_keys_alone_choose_points(map_page: Page) -> None:
    box = map_page.get_by_role("combobox", name="Choose solutions by their text")
    box.focus()
    for key in ("ArrowDown", "ArrowDown", "Enter"):  # the first one is “Select all”
        map_page.keyboard.press(key)
    expect(chosen(map_page)).to_have_count(1)
    expect(same_text(map_page).first).to_be_visible()
    map_page.keyboard.press("Escape")
    expect(map_page.get_by_role("button", name="Tag")).to_be_visible()
    said = map_page.get_by_role("figure").first.get_attribute("aria-label") or ""
    assert "list above" in said


def lasso(page: Page, *corners: tuple[float, float]) -> None:
    """Draw a lasso in a map, through corners in shares of its width and height."""
    page.locator(".js-plotly-plot").first.hover()
    page.locator('.modebar-btn[data-title="Lasso Select"]').first.click()
    area = page.locator(".nsewdrag").first.bounding_box()  # where it is after the page has moved
    assert area is not None
    at = [(area["x"] + area["width"] * x, area["y"] + area["height"] * y) for x, y in corners]
    page.mouse.move(*at[0])
    page.mouse.down()
    for corner in at[1:]:
        page.mouse.move(*corner, steps=8)
    page.mouse.up()


def test_a_lasso_chooses_several_and_two_of_one_text_lead_to_paths(map_page: Page) -> None:
    lasso(map_page, (0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98), (0.02, 0.04))
    expect(map_page.get_by_text("chosen, the first 12 shown")).to_be_visible()
    expect(chosen(map_page)).to_have_count(12)
    link = map_page.get_by_role("link", name="Connect these two")
    ends = parse_qs(urlsplit(link.get_attribute("href") or "").query)
    assert len({*ends["a"], *ends["b"]}) == 2
    with map_page.expect_popup() as opened:
        link.click()
    expect(opened.value.get_by_role("button", name="Connect", exact=True)).to_be_visible()


def slide(page: Page, share: float) -> None:
    """Click the slider of the layers, at a share of its width."""
    rail = page.locator(".slider-rail-touch-rect").first
    rail.scroll_into_view_if_needed()
    box = rail.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * share, box["y"] + box["height"] / 2)


def test_points_move_through_the_layers_and_what_a_lasso_leaves_out_stays_in_sight(
    page: Page, read_url: str
) -> None:
    page.goto(read_url + map_set_up.link("131d0d8231dc", "m").removeprefix(".") + "&method=PCA")
    expect(points(page).first).to_be_visible(timeout=60_000)
    page.locator("[data-test-script-state=notRunning]").wait_for(timeout=60_000)
    expect(page.get_by_text("layer: input")).to_be_visible()
    before = points(page).first.bounding_box()
    slide(page, 0.99)
    expect(page.get_by_text("layer: 30")).to_be_visible()
    page.wait_for_timeout(600)  # until the points have arrived
    assert points(page).first.bounding_box() != before
    lasso(page, (0.02, 0.02), (0.55, 0.02), (0.55, 0.98), (0.02, 0.98), (0.02, 0.04))
    expect(page.get_by_text("chosen, the first 12 shown")).to_be_visible()
    expect(page.get_by_text("layer: 30")).to_be_visible()  # it stays where it was
    in_map = page.locator(".js-plotly-plot").first.locator(".trace path.point")
    looks = in_map.evaluate_all("all => all.map(p => [p.style.fill, p.style.opacity])")
    left_out = [fill for fill, opacity in looks if opacity == "0.5"]
    assert len(set(left_out)) > 1  # in their own colors
    assert same_text(page).count() > 0
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    rows = pd.read_csv(download.value.path())  # texts have line breaks
    assert 0 < len(rows) == len(looks) - len(left_out) < len(looks)
