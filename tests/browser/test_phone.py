"""Every page on a phone: charts are whole, nothing covers anything, the menu opens and closes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import TOUR_SEEN

pytestmark = pytest.mark.browser

CHARTS = (
    "", "distances", "maps", "paths", "landscape", "inside", "roles", "arrangements", "sharing",
    "capacity", "throughput", "training_time", "readout", "paper",
)  # fmt: skip
FAULTS = """() => {
  const said = [];
  const boxes = (plot, what) => [...plot.querySelectorAll(what)]
    .map((node) => [node.getBoundingClientRect(), node.textContent || what])
    .filter(([box]) => box.width && box.height);
  const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2;
  for (const plot of document.querySelectorAll(".js-plotly-plot")) {
    const all = plot.getBoundingClientRect();
    if (!all.width) continue;
    const [titles, ticks, legend, tools, notes] = [
      ".g-xtitle, .g-x2title, .g-ytitle", ".xtick text", ".legend > .bg", ".modebar-group",
      ".annotation",
    ].map((what) => boxes(plot, what));
    for (const [box, words] of [...titles, ...legend, ...tools, ...notes]) {
      if (box.left < all.left - 2 || box.right > all.right + 2 || box.bottom > all.bottom + 2
          || box.top < all.top - 2) said.push(`cut: ${words}`);
    }
    const apart = [[legend, titles], [legend, ticks], [titles, ticks], [tools, titles],
                   [tools, legend], [tools, notes]];
    for (const [some, others] of apart) for (const [a, one] of some) for (const [b, two] of others)
      if (meet(a, b)) said.push(`over one another: ${one} | ${two}`);
    if (boxes(plot, ".gtitle").length) said.push("a title that cannot break");
  }
  const page = document.querySelector("[data-testid=stMain]") ?? document.documentElement;
  const wide = page.scrollWidth - window.innerWidth;
  if (wide > 0) said.push(`${wide} pixels too wide`);
  return said;
}"""
"""What is wrong with the charts that a page shows, a line each."""


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    context.add_init_script(TOUR_SEEN)
    opened = context.new_page()
    opened.set_default_timeout(30_000)
    yield opened
    context.close()


def settle(page: Page) -> None:
    page.get_by_role("heading", level=1).first.wait_for(timeout=90_000)
    page.locator("[data-test-script-state=notRunning]").wait_for(timeout=90_000)
    page.locator(".js-plotly-plot .main-svg").first.wait_for(state="attached", timeout=60_000)
    page.wait_for_timeout(1_500)  # Plotly has drawn, and drawn again for its margins


@pytest.mark.timeout(900)
def test_charts_are_whole(phone: Page, read_url: str) -> None:
    found: dict[str, Any] = {}
    for name in CHARTS:
        phone.goto(f"{read_url}/{name}")
        settle(phone)
        found[name] = phone.evaluate(FAULTS)
        expect(
            phone.locator(".stPlotlyChart").first.locator("xpath=preceding::strong[1]")
        ).to_be_visible()
    assert {name: said for name, said in found.items() if said} == {}


@pytest.mark.timeout(600)
def test_charts_of_the_exported_site_are_whole(phone: Page, one_of_each: list[Path]) -> None:
    found: dict[str, Any] = {}
    for file in one_of_each:
        phone.goto(file.as_uri())
        plots = phone.locator(".plot")
        for k in range(plots.count()):
            plots.nth(k).scroll_into_view_if_needed()
            expect(plots.nth(k).locator(".main-svg").first).to_be_visible()
        phone.wait_for_timeout(500)
        found[file.name] = phone.evaluate(FAULTS)
    assert {name: said for name, said in found.items() if said} == {}


def swipe_up(page: Page, chart: Locator) -> None:
    """Move one finger from the middle of a chart upwards."""
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    send = page.context.new_cdp_session(page).send
    send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for k in range(1, 16):
        moved = {"type": "touchMove", "touchPoints": [{"x": x, "y": y - 15 * k}]}
        send("Input.dispatchTouchEvent", moved)
    send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


RANGES = "plot => [plot._fullLayout.xaxis.range, plot._fullLayout.yaxis.range]"
PLACE = "plot => plot.getBoundingClientRect().top"


def test_a_finger_on_a_chart_moves_the_page_and_taps_points(phone: Page, read_url: str) -> None:
    phone.goto(f"{read_url}/landscape")
    settle(phone)
    plot = phone.locator(".js-plotly-plot").first
    plot.scroll_into_view_if_needed()
    before, place = plot.evaluate(RANGES), plot.evaluate(PLACE)
    swipe_up(phone, plot.locator(".nsewdrag").first)
    phone.wait_for_timeout(1_000)
    assert plot.evaluate(PLACE) < place - 100
    assert plot.evaluate(RANGES) == before
    said = phone.get_by_text("What the model outputs at this point")
    first = said.inner_text()
    plot.locator(".nsewdrag").first.tap(position={"x": 40, "y": 40})
    expect(said).not_to_have_text(first)


def test_a_finger_on_a_chart_of_the_site_moves_the_page(
    phone: Page, one_of_each: list[Path]
) -> None:
    for file in one_of_each:
        phone.goto(file.as_uri())
        flat = phone.locator(".plot").filter(has=phone.locator(".nsewdrag"))
        for plot in phone.locator(".plot").all()[:1]:
            plot.scroll_into_view_if_needed()
            expect(plot.locator(".main-svg").first).to_be_visible()
        if flat.count():
            place = phone.evaluate("window.scrollY")
            swipe_up(phone, flat.first.locator(".nsewdrag").first)
            phone.wait_for_timeout(1_000)
            assert phone.evaluate("window.scrollY") > place + 50
            return
    raise AssertionError("no flat chart")


def test_a_chart_of_many_columns_is_moved_sideways(phone: Page, read_url: str) -> None:
    phone.goto(f"{read_url}/inside")
    settle(phone)
    lens = phone.locator("[class*='st-key-wide-']").filter(has=phone.locator("path.point")).first
    lens.scroll_into_view_if_needed()
    room = lens.evaluate("box => [box.clientWidth, box.scrollWidth]")
    assert room[0] < 390 < room[1]
    lens.evaluate("box => (box.scrollLeft = 200)")
    assert lens.evaluate("box => box.scrollLeft") == 200


def test_the_menu_opens_closes_and_has_nothing_over_it(phone: Page, read_url: str) -> None:
    phone.goto(f"{read_url}/arrangements")
    settle(phone)
    menu, closing = (
        phone.get_by_test_id("stSidebar"),
        phone.get_by_test_id("stSidebarCollapseButton"),
    )
    helping = phone.locator(".st-key-menu")
    expect(menu).to_have_attribute("data-collapsed", "true")  # it does not open by itself
    phone.get_by_test_id("stExpandSidebarButton").tap()
    expect(menu).to_have_attribute("data-collapsed", "false")
    expect(helping).to_be_hidden()
    closing.get_by_role("button").tap()  # fails where something else is hit
    expect(menu).to_have_attribute("data-collapsed", "true")
    expect(helping).to_be_visible()
    phone.get_by_test_id("stExpandSidebarButton").tap()
    menu.get_by_text("Glossary", exact=True).tap()
    expect(phone.get_by_role("heading", level=1)).to_have_text("Glossary")
    expect(menu).to_have_attribute("data-collapsed", "true")
