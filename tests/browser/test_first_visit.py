"""The first five minutes in a browser: the tour, the projector's keys, scripts from the right."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from widgets import tour

pytestmark = pytest.mark.browser


def settled(page: Page) -> None:
    page.locator("[data-test-script-state=notRunning]").wait_for()


def test_the_tour_begins_once_by_itself_and_goes_from_stop_to_stop(
    browser: Browser, app_url: str
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    outside: list[str] = []
    page.on("request", lambda r: outside.append(r.url) if "127.0.0.1" not in r.url else None)
    page.goto(app_url)
    bar = page.locator(".st-key-tour-card")
    for number, stop in enumerate(tour.STOPS, 1):
        expect(bar.get_by_text(f"{number} of 5 · {stop.title}")).to_be_visible()
        expect(page).to_have_url(re.compile(f"tour={number}"))
        if number < 5:
            settled(page)
            bar.get_by_role("link", name="Next").click()
    bar.get_by_role("button", name="End tour").click()
    expect(bar).to_have_count(0)
    page.goto(app_url)  # it remembers
    expect(page.get_by_label("Step of the recorded run")).to_be_visible()
    settled(page)
    expect(bar).to_have_count(0)
    assert not [url for url in outside if url.startswith("http")]
    context.close()


def test_a_link_to_a_run_is_no_first_visit(browser: Browser, app_url: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{app_url}/?recorded=One+that+fails")
    expect(page.get_by_label("Step of the recorded run")).to_be_visible()
    settled(page)
    expect(page.locator(".st-key-tour-card")).to_have_count(0)
    context.close()


def test_a_projector_is_driven_by_keys(page: Page, app_url: str) -> None:
    page.goto(f"{app_url}/?view=projector")
    step = page.locator(".strip .step")
    expect(step).to_have_text(re.compile("step"))
    settled(page)
    expect(page.get_by_test_id("stTopNavLink").first).to_be_hidden()
    expect(page.get_by_role("combobox")).to_have_count(0)  # no control is in sight
    slider = page.get_by_label("Step of the recorded run")
    last = int(slider.get_attribute("max") or 0)
    expect(slider).to_have_value(str(last), timeout=60_000)
    page.keyboard.press("ArrowLeft")
    expect(slider).to_have_value(str(last - 1))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")  # from the end: begins anew
    expect(slider).not_to_have_value(str(last))
    page.keyboard.press("Space")
    at = slider.input_value()
    page.wait_for_timeout(300)
    assert slider.input_value() == at and int(at) < last
    size = step.evaluate("e => parseFloat(getComputedStyle(e.closest('.strip')).fontSize)")
    assert size > 28
    page.keyboard.press("PageDown")
    expect(page).to_have_url(re.compile("/library.*view=projector"))
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("stTopNavLink").first).to_be_visible()
    expect(page).not_to_have_url(re.compile("projector"))


def own_model(page: Page, url: str, model: str) -> None:
    page.goto(f"{url}/?model=Another+model")
    field = page.get_by_role("textbox", name="Hub id or folder")
    field.fill(model)
    field.press("Enter")
    expect(page.locator(".tokens .token.chosen").first).to_be_visible()


def test_leaving_the_projector_takes_one_key_and_leaves_nothing_large(
    page: Page, app_url: str
) -> None:
    page.goto(f"{app_url}/throughput")
    page.locator("[data-test-script-state=notRunning]").wait_for(timeout=60_000)
    icons = page.locator(".stTooltipIcon svg")
    icons.first.wait_for(timeout=60_000)
    before = icons.first.bounding_box()
    page.get_by_role("button", name="Help", exact=True).first.click()
    page.get_by_role("button", name="Projector view").click()
    expect(page).to_have_url(re.compile("view=projector"))
    expect(icons.first).to_be_hidden()
    page.locator("[data-test-script-state=notRunning]").wait_for(timeout=60_000)
    page.wait_for_timeout(1_500)  # keys are heard once their script has come
    page.keyboard.press("Escape")  # the menu that led here is still open, out of sight
    expect(icons.first).to_be_visible()
    after = icons.first.bounding_box()
    assert before is not None and after is not None
    assert (after["width"], after["height"]) == (before["width"], before["height"])


def test_start_is_in_sight_on_a_small_screen(page: Page, app_url: str, tiny_model: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    own_model(page, app_url, tiny_model)
    # the embedded model has no field for its folder above Start
    field = page.locator("[data-testid=stTextInput]").bounding_box()
    start = page.get_by_test_id("stBaseButton-primary").bounding_box()
    assert field and start and start["y"] + start["height"] - field["height"] < 800


def test_a_text_from_the_right_is_shown_from_the_right(
    page: Page, app_url: str, tiny_model: str
) -> None:
    text = "فجرا"
    own_model(page, app_url, tiny_model)
    page.get_by_role("textbox", name="Your text").fill(text)
    page.get_by_role("textbox", name="Your text").press("Control+Enter")
    boxes = page.locator(".tokens[dir=rtl] .token")
    expect(boxes).not_to_have_count(0)
    said = page.locator(".tokens[dir=rtl] .say").all_inner_texts()
    assert "".join(said).replace("\u200d", "") == text
    assert len(said) == 1 or any("\u200d" in word for word in said)  # one word stays joined
    places = [box.bounding_box() for box in boxes.all()]
    from_the_right = [place["x"] for place in places if place]
    assert from_the_right == sorted(from_the_right, reverse=True)
