"""A page that the browser translated: tokens stay, and the page goes on; numbers in German."""

import json

import pytest
from playwright.sync_api import Page, expect

from explorer.base import language
from widgets import sources
from widgets.following import SCRIPTS

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
    page.wait_for_function("document.canBeTranslated")  # on a busy machine it comes after the rest
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


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("en", ["31.2 nats · 45 bits", "1,234", "12.3 s", "100.1", "0.5", "50%"]),
        ("de", ["31,2 nats · 45 bits", "1\u202f234", "12,3 s", "100,1", "0,5", "50\u202f%"]),
    ],
)
def test_numbers_of_a_run_under_way_are_written_as_in_the_language(
    page: Page, monkeypatch: pytest.MonkeyPatch, code: str, said: list[str]
) -> None:
    monkeypatch.setattr(language, "_current", lambda: code)
    spoken = json.dumps({mark: sources.spoken(*SCRIPTS).get(mark, mark) for mark in ".,%"})
    page.set_content("<dl></dl><main></main>")
    shown = page.evaluate(
        f"""() => {{
  {sources.script(*SCRIPTS)}
  spoken = {spoken};
  const numbers = document.querySelector("dl");
  drawNumbers({{ numbers, data: {{ help: {{}} }} }}, {{
    frames: [{{ steps: [1234], phase: [1], seconds: 12.34, step: 1235 }}], best: 0,
    head: {{ seeds: [0], targets: [1, 2] }}, ids: [1, 2],
    status: {{ h_lm: "31.2 nats · 45 bits" }},
  }});
  const chart = makeChart(document.querySelector("main"), "", "");
  drawLines(chart, [{{ name: "", color: "", x: [0, 1], y: [0.1, 0.5] }}], {{ log: true }});
  const loss = chart.area.getAttribute("aria-label");
  drawLines(chart, [{{ name: "", color: "", x: [0, 1], y: [0.1, 0.5] }}], {{ percent: true }});
  const accuracy = chart.area.getAttribute("aria-label");
  return [...[...numbers.querySelectorAll("dd")].map((dd) => dd.textContent), loss, accuracy];
}}"""
    )
    *values, loss, accuracy = shown[2:]
    assert values == said[:4]
    assert said[4] in loss and said[5] in accuracy
