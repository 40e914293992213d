"""An experiment's page while its run is made, its worker killed, and its run gone on with."""

import contextlib
import json
import os
import signal
import sqlite3
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def worker_pid(cache: Path) -> int:
    with contextlib.closing(sqlite3.connect(cache / "explorer.db")) as database:
        (pid,) = database.execute("SELECT pid FROM workers ORDER BY beat DESC").fetchone()
    return int(pid)


def finished_cells(cache: Path) -> list[str]:
    files = list(cache.glob("experiments/*/cells.jsonl"))
    return [json.loads(line)["key"] for file in files for line in file.read_bytes().splitlines()]


def test_a_run_outlives_its_worker_and_no_cell_is_measured_twice(
    page: Page, app_url: str, app_cache: Path, tiny_model: str
) -> None:
    page.goto(f"{app_url}/throughput?model=Another+model")
    page.get_by_role("textbox", name="Hub id or folder").fill(tiny_model)
    page.get_by_role("textbox", name="Hub id or folder").press("Enter")
    page.get_by_text("Advanced", exact=True).click()
    page.get_by_role("textbox", name="lengths").fill("2, 3, 4, 5, 6, 7, 8")
    page.get_by_role("textbox", name="lengths").press("Enter")
    expect(page.get_by_text("7 cells").first).to_be_visible()
    page.get_by_role("button", name="Start", exact=True).click()
    deadline = time.monotonic() + 240
    while len(finished_cells(app_cache)) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    os.kill(worker_pid(app_cache), signal.SIGKILL)
    before = finished_cells(app_cache)
    expect(page.get_by_role("button", name="Everything (zip)")).to_be_visible(timeout=240_000)
    after = finished_cells(app_cache)
    assert after[: len(before)] == before
    assert sorted(after) == sorted(set(after)) and len(after) == 7
    assert "job" in parse_qs(urlsplit(page.url).query)
    expect(page.get_by_role("figure").first).to_be_visible()
