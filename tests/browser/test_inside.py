"""Inside, live: a solution is trained, its pass is looked into by the worker, layer by layer."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from explorer.figures import inside_strips
from tests.browser.test_reconstruct import choose_tiny_model
from tests.explorer.inside.test_reading import made

pytestmark = pytest.mark.browser
STRIP = Path(__file__).parents[2] / "widgets" / "strip.js"


def test_a_swap_says_no_probability_of_the_other_text(page: Page) -> None:
    found = made()
    row = found.trials("swap")[0]
    page.set_content("<div></div>")
    page.add_script_tag(path=STRIP)
    for other in (True, False):
        data = inside_strips.swap(found, row, other=other) | {"mode": "live"}
        page.evaluate("data => showStrip(document.querySelector('div'), data)", data)
        first = page.locator(".token").first
        for said in (first.get_attribute("aria-label"), first.locator(".tip").text_content()):
            assert said and "output “d”" in said
            assert ("p(target)" in said, "rank" in said) == (not other, not other)


def test_a_solution_just_trained_is_looked_into(page: Page, app_url: str, tiny_model: str) -> None:
    choose_tiny_model(page, app_url, tiny_model)
    length = page.get_by_role("spinbutton", name="N, target tokens")
    length.fill("3")
    length.press("Enter")
    expect(page.get_by_text("the first 3 are the target")).to_be_visible()
    page.get_by_test_id("stBaseButton-primary").click()
    expect(page).to_have_url(re.compile("job="))
    expect(page.get_by_text("3 / 3")).to_be_visible(timeout=240_000)  # not the run that ships
    inside = page.get_by_role("link", name="Look inside")
    expect(inside.first).to_be_visible()
    solution = (inside.first.get_attribute("href") or "").rpartition("=")[2]
    page.goto(f"{app_url}/inside?solution={solution}")
    page.get_by_role("button", name="Look inside").click()
    expect(page).to_have_url(re.compile("job="))
    said = page.get_by_text("3 of 3 tokens are correct after the last layer (2)")
    expect(said).to_be_visible(timeout=120_000)
    slider = page.get_by_label("Layer", exact=False).first
    expect(page.locator(".tokens .token.right")).to_have_count(3, timeout=60_000)
    expect(slider).to_be_visible()
    for view, title in (
        ("Where positions look", "Where attention goes (all heads)"),
        ("What is needed", "What is left when attention to e is cut"),
    ):
        page.get_by_role("radio", name=view).or_(page.get_by_role("button", name=view)).click()
        expect(page.get_by_role("strong").filter(has_text=title)).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="All tables (zip)").click()
    assert download.value.suggested_filename == "inside.zip"
