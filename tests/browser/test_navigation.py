"""Every address opens the app's own page, also as the first one on a fresh server."""

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_a_fresh_server_opens_any_address_with_the_apps_navigation(
    page: Page, app_url: str
) -> None:
    scripts = []
    page.on("response", lambda r: scripts.append(r) if r.url.endswith(".js") else None)
    page.goto(f"{app_url}/distances")  # nobody has opened the first page yet
    expect(page.get_by_role("heading", name="Distances")).to_be_visible()
    expect(page.get_by_test_id("stTopNavLink").first).to_be_visible()
    expect(page.get_by_test_id("stSidebar")).to_have_count(0)
    assert len(scripts) > 10
    assert {script.header_value("content-encoding") for script in scripts} == {"gzip"}
