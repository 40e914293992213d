"""What axe finds on every page, light and dark; keys alone; and the pages within a frame."""

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from explorer.base import folders

pytestmark = pytest.mark.browser

PAGES = sorted(file.stem for file in (folders.PROJECT / "pages").glob("[!_]*.py"))
AXE = Axe()
STILL = """() => document.getAnimations().every(
    ({playState, effect}) => playState !== "running" || effect.getTiming().iterations === Infinity
)"""
"""Whether nothing fades or moves, but for what always does."""


def faults(page: Page) -> list[str]:
    """Every serious or critical fault that axe finds in either theme: its rule, where, and why."""
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.wait_for_timeout(500)  # charts and components have begun to draw
        expect(page.locator("[data-stale='true']")).to_have_count(0, timeout=60_000)
        page.wait_for_function(STILL)
        response: dict[str, Any] = AXE.run(page).response
        found += [
            f"{scheme}: {v['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
            for v in response["violations"]
            if v["impact"] in ("serious", "critical")
            for node in v["nodes"]
        ]
    return found


@pytest.mark.timeout(900)
def test_no_page_has_a_serious_fault(page: Page, read_url: str) -> None:
    found = {}
    for name in PAGES:
        page.goto(f"{read_url}/{'' if name == 'reconstruct' else name}")
        page.get_by_role("heading", level=1).first.wait_for(timeout=90_000)
        page.locator("[data-test-script-state=notRunning]").wait_for(timeout=90_000)
        found[name] = faults(page)
    assert {name: found[name] for name in found if found[name]} == {}


@pytest.mark.timeout(600)
def test_no_page_of_the_exported_site_has_one(page: Page, one_of_each: list[Path]) -> None:
    found = {}
    for file in one_of_each:
        page.goto(file.as_uri())
        found[file.name] = faults(page)
    assert {name: found[name] for name in found if found[name]} == {}


def test_keys_alone_reach_tokens_and_play_a_run(page: Page, read_url: str) -> None:
    page.goto(f"{read_url}/?embed=true")
    tokens = page.locator(".tokens .token")
    tokens.first.wait_for(timeout=60_000)
    page.locator("[data-test-script-state=notRunning]").wait_for(timeout=60_000)
    first = page.locator(".tokens .token[tabindex='0']")
    expect(first).to_have_count(1)  # one stop of the Tab key, however long the text
    first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(tokens.nth(2)).to_be_focused()
    expect(tokens.nth(2).locator(".tip")).to_be_visible()
    page.keyboard.press("End")
    expect(tokens.last).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator(".player .play")).to_be_focused()
    page.keyboard.press("Tab")
    time = page.locator(".player .time")
    expect(time).to_be_focused()
    expect(time).to_have_value(time.get_attribute("max") or "", timeout=60_000)  # plays by itself
    page.keyboard.press("Home")
    expect(time).to_have_value("0")
    page.keyboard.press("ArrowRight")
    expect(time).to_have_value("1")


@pytest.mark.parametrize("width", [900, 390])
def test_within_a_frame_one_can_go_from_page_to_page(page: Page, read_url: str, width: int) -> None:
    page.set_content(f'<iframe src="{read_url}/?embed=true" width="{width}" height="700"></iframe>')
    inside = page.frame_locator("iframe")
    expect(inside.get_by_role("heading", level=1)).to_be_visible(timeout=60_000)
    if width < 768:  # the navigation of a narrow page is behind a button
        inside.get_by_test_id("stExpandSidebarButton").click()
    inside.get_by_text("Library", exact=True).first.click()
    expect(inside.get_by_role("heading", level=1)).to_have_text("Library")
    assert page.frames[1].url == f"{read_url}/library?embed=true"
    expect(inside.get_by_text("Class", exact=True).first).to_be_visible()  # and on from there
