"""A model of another family than Llama, on the page: from choosing its folder to an exact text."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from benchmarks.models import build
from tests.browser.test_reconstruct import choose_tiny_model

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("kind", ["gpt_neo"])  # as the TinyStories models, which people bring first
def test_a_folder_is_chosen_and_its_text_becomes_exact(
    page: Page, app_url: str, tmp_path: Path, kind: str
) -> None:
    choose_tiny_model(page, app_url, str(build(kind, tmp_path / kind)))
    length = page.get_by_role("spinbutton", name="N, target tokens")
    length.fill("3")
    length.press("Enter")
    expect(page.get_by_text("the first 3 are the target")).to_be_visible()
    page.get_by_test_id("stBaseButton-primary").click()
    expect(page).to_have_url(re.compile("job="))
    expect(page.get_by_text("3 / 3")).to_be_visible(timeout=240_000)
    expect(page.locator(".tokens .token.right")).to_have_count(3)
