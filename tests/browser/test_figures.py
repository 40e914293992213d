"""All figures of a page in one ZIP, as a person asks for them."""

import zipfile

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_every_chart_of_a_page_is_downloaded_at_once(page: Page, read_url: str) -> None:
    page.goto(f"{read_url}/arrangements")
    shown = page.get_by_test_id("stPlotlyChart")
    expect(shown.first).to_be_visible(timeout=60_000)
    page.locator("[data-test-script-state=notRunning]").wait_for(timeout=60_000)
    page.get_by_text("All figures", exact=True).click()
    page.get_by_role("button", name="PDF", exact=True).click()
    with page.expect_download(timeout=90_000) as started:
        page.get_by_role("button", name="figures (ZIP)").click()
    names = zipfile.ZipFile(started.value.path()).namelist()
    assert sorted(name.rpartition(".")[2] for name in names) == sorted(
        ["svg", "pdf"] * shown.count()
    )
