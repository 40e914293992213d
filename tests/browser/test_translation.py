"""A page that the browser translated: tokens stay, and the page goes on."""

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

TRANSLATE = """way => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) texts.push(walker.currentNode);
  for (const text of texts) {
    if (!text.data.trim() || text.parentElement.closest("[translate=no], script, style")) continue;
    const [outer, inner] = [document.createElement("font"), document.createElement("font")];
    text.replaceWith(outer);
    outer.append(inner);
    inner.append(way === "wrapped" ? text : text.data.toUpperCase());
  }
  return texts.length;
}"""
"""Puts every text into two <font>, as Google Translate does; or a copy of it in its place."""


@pytest.mark.parametrize("way", ["wrapped", "replaced"])
def test_a_translated_page_goes_on(page: Page, read_url: str, way: str) -> None:
    def settle(heading: str) -> None:
        expect(page.get_by_role("heading", name=heading).first).to_be_visible(timeout=60_000)
        page.locator("[data-test-script-state=notRunning]").wait_for(timeout=60_000)
        page.wait_for_timeout(1_000)

    page.goto(f"{read_url}/inside")
    settle("Inside the one pass")
    assert page.evaluate(TRANSLATE, way) > 20
    page.get_by_role("radio").nth(2).click()  # another view: what is shown is replaced
    page.get_by_text("Noise is added").first.wait_for()
    page.evaluate(TRANSLATE, way)
    page.get_by_test_id("stTopNavLink").nth(1).click()
    settle("Library")
    page.evaluate(TRANSLATE, way)
    page.get_by_role("radio").nth(2).click()
    expect(page.get_by_text("There are no sets yet.")).to_be_visible()
    page.get_by_test_id("stTopNavLink").nth(0).click()
    settle("Two vectors")


def test_tokens_are_left_alone_wherever_they_are_shown(page: Page, read_url: str) -> None:
    page.goto(f"{read_url}/inside")
    page.locator("[data-test-script-state=notRunning]").wait_for(timeout=60_000)
    expect(page.locator(".tokens[translate=no] .token").first).to_be_visible()
    for name in ("stText", "stPlotlyChart"):
        shown = page.get_by_test_id(name)
        expect(shown.first).to_be_visible()
        expect(page.locator(f"[data-testid={name}]:not([translate=no])")).to_have_count(0)
