"""As a person would: open the page, type a text, press Start, come back through the link."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as TookTooLong

from explorer.specs.arrangements import ARRANGEMENTS

pytestmark = pytest.mark.browser
TEXT = "<b onclick=alert(1)>hat</b>"


def choose_tiny_model(page: Page, url: str, model: str) -> None:
    page.goto(f"{url}/?model=Another+model")
    page.get_by_role("textbox", name="Hub id or folder").fill(model)
    page.get_by_role("textbox", name="Hub id or folder").press("Enter")
    page.get_by_role("textbox", name="Your text").fill(TEXT)
    page.get_by_role("textbox", name="Your text").press("Control+Enter")
    expect(page.locator(".tokens .token.chosen").first).to_contain_text("<")


def choose_arrangement_e(page: Page) -> None:
    """Open the list and choose A1; once more if the list did not open or was closed again."""
    option = page.get_by_role("option", name=re.compile("^A1"))
    chosen = page.get_by_text(ARRANGEMENTS["e"].sentence)
    for _ in range(6):
        page.locator("[data-test-script-state=notRunning]").wait_for()
        try:
            if not option.is_visible():
                page.get_by_role("combobox", name="Arrangement").click(timeout=5_000)
            option.click(timeout=5_000)
            break
        except TookTooLong:
            continue
    expect(chosen).to_be_visible()


def test_first_view_is_a_recorded_run_that_plays(page: Page, app_url: str) -> None:
    page.goto(app_url)
    expect(page.get_by_text("shipped with the project")).to_be_visible()
    slider = page.get_by_label("Step of the recorded run")
    expect(slider).to_be_visible()
    end = int(slider.get_attribute("max") or 0)
    assert end > 10
    expect(slider).to_have_value(str(end), timeout=60_000)  # it plays to its end by itself
    said = page.locator(".tokens .token.right")
    expect(said).to_have_count(19)
    slider.fill("0")
    expect(page.locator(".tokens .token.wrong").first).to_be_visible()
    page.get_by_label("Play from noise to text").click()
    expect(said).to_have_count(19, timeout=60_000)


def test_type_start_watch_and_come_back(page: Page, app_url: str, tiny_model: str) -> None:
    choose_tiny_model(page, app_url, tiny_model)
    length = page.get_by_role("spinbutton", name="N, target tokens")
    length.fill("3")
    length.press("Enter")
    expect(page.get_by_text("the first 3 are the target")).to_be_visible()
    page.get_by_test_id("stBaseButton-primary").click()
    expect(page).to_have_url(re.compile("job="))
    expect(page.get_by_text("3 / 3")).to_be_visible(timeout=240_000)  # not the run that ships
    expect(page.locator(".tokens .token.right").first).to_be_visible()
    expect(page.get_by_label("Step of the recorded run")).to_be_visible(timeout=240_000)
    job = parse_qs(urlsplit(page.url).query)["job"][0]

    page.goto("about:blank")
    page.goto(f"{app_url}/?job={job}")
    expect(page.get_by_text("3 / 3")).to_be_visible()
    expect(page.locator(".tokens .token.right")).to_have_count(3)
    token = page.locator(".tokens .token.right").first
    token.focus()  # reachable by keyboard, with all numbers
    assert re.search(
        r"position 1: target .* p\(target\) [01]\.\d\d, rank 1",
        token.get_attribute("aria-label") or "",
    )
    with page.expect_download() as download:
        page.get_by_role("button", name="Solution").last.click()
    assert download.value.suggested_filename.endswith(".safetensors")


def test_a_reload_in_the_middle_changes_nothing(page: Page, app_url: str, tiny_model: str) -> None:
    choose_tiny_model(page, app_url, tiny_model)
    page.get_by_text("Advanced", exact=True).click()
    choose_arrangement_e(page)  # can never become exact
    page.get_by_text("Change its settings", exact=True).click()
    page.get_by_role("spinbutton", name="max steps").fill("100000")
    page.get_by_role("spinbutton", name="max steps").press("Enter")
    page.get_by_test_id("stBaseButton-primary").click()
    expect(page).to_have_url(re.compile("job="))
    stop = page.get_by_test_id("stMain").get_by_role("button", name="Stop", exact=True)
    expect(stop).to_be_visible()
    page.locator("[data-test-script-state=notRunning]").wait_for()  # nothing of the run that ships
    step = page.locator(".number", has_text="Steps, best restart").locator("dd")
    expect(step.first).to_be_visible(timeout=240_000)
    before = int(step.first.inner_text().replace(",", ""))
    page.reload()
    expect(step.first).to_be_visible(timeout=30_000)
    assert int(step.first.inner_text().replace(",", "")) >= before
    stop.click()
    expect(page.get_by_text("stopped by hand").first).to_be_visible(timeout=30_000)
