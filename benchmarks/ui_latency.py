"""UI latency: `python -m benchmarks.ui_latency` drives the running app in headless Chromium.

Measures, with the embedded model on this disk: opening a page, pressing Start to the first frame,
clicks and a second tab while a text trains, frames and steps a second, with and without somebody
watching, which process the processors work for, and the worker's memory before, at its most, and
after. Chromium renders in software on the same cores, which costs the page more than
a person's own machine would.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psutil
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from benchmarks.running_app import running_app
from explorer.base import folders
from explorer.jobs import client
from explorer.solutions.recording import read_log
from tools.screenshots import FLAGS

TEXT = (
    "Nobody had told the lighthouse that the harbour was closed, so it went on counting the dark "
    "in fives, as it always had."
)
STARTS = 3
WATCHED_SECONDS = 6
FIRST_FRAME = "Correct tokens, best restart"


COUNT_CHANGES = """
() => {
  const within = (root) => [...root.querySelectorAll('*')]
    .flatMap(e => e.shadowRoot ? [e.shadowRoot, ...within(e.shadowRoot)] : []);
  const numbers = within(document).map(r => r.querySelector('.numbers')).find(Boolean);
  const step = () => [...numbers.children]
    .find(n => n.innerText.startsWith('Steps, best restart')).lastChild.innerText;
  window.shown = [step()];
  new MutationObserver(() => {
    if (step() !== window.shown.at(-1)) window.shown.push(step());
  }).observe(numbers, {subtree: true, childList: true, characterData: true});
}
"""


def _open(browser: BrowserContext, url: str, sign: str) -> tuple[Page, float]:
    page = browser.new_page()
    start = time.perf_counter()
    page.goto(url)
    page.locator(sign).first.wait_for()
    return page, time.perf_counter() - start


def _worker(cache: Path) -> psutil.Process | None:
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if "explorer.worker.main" in command and process.environ().get("EXPLORER_CACHE") == str(
            cache
        ):
            return process
    return None


def _start(page: Page) -> dict[str, float]:
    """Press Start; return seconds to the job's link and to the first frame."""
    start = time.perf_counter()
    page.get_by_test_id("stBaseButton-primary").click()
    page.wait_for_url(re.compile("job="))
    link = time.perf_counter() - start
    page.get_by_text(FIRST_FRAME).wait_for()
    return {"link": link, "first_frame": time.perf_counter() - start}


def _processor_seconds(worker: psutil.Process) -> dict[str, float]:
    """Return how long processors have worked so far for the worker, the browser and the server."""
    spent = {"worker": _seconds_of(worker), "browser": 0.0, "server": 0.0}
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process != worker:
                kind = "browser" if process.name().startswith("chrom") else "server"
                spent[kind] += _seconds_of(process)
    return spent


def _seconds_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _trained(link: str) -> int:
    """Return the steps that the job of this page has published so far."""
    recording = read_log(client.folder_of(parse_qs(urlsplit(link).query)["job"][0]))
    return 0 if recording is None else int(recording.frames[-1]["steps"].max())


def _unwatched(page: Page, seconds: float) -> float:
    """Leave the page of a job for some seconds; return the steps a second meanwhile."""
    link = page.url
    page.goto("about:blank")
    time.sleep(1)
    before = _trained(link)
    time.sleep(seconds)
    step_time = (_trained(link) - before) / seconds
    page.goto(link)
    page.get_by_text(FIRST_FRAME).wait_for()
    return step_time


def _frames(page: Page, seconds: float) -> tuple[float, float]:
    """Watch the step count change; return shown frames and steps a second."""
    page.evaluate(COUNT_CHANGES)
    time.sleep(seconds)
    shown = [int(text.replace(",", "")) for text in page.evaluate("window.shown")]
    return (len(shown) - 1) / seconds, (shown[-1] - shown[0]) / seconds


def _switches(page: Page) -> list[float]:
    """Choose one restart after the other; return the seconds until each shows as chosen."""
    seconds = []
    for name in ("seed 1", "seed 2", "All", "seed 3", "Best"):
        button = page.get_by_role("radio", name=name, exact=True)
        start = time.perf_counter()
        button.click()
        expect(button).to_have_attribute("aria-checked", "true")
        page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
        seconds.append(time.perf_counter() - start)
    return seconds


def measure() -> dict[str, Any]:
    """Run the app on a cache of its own and measure it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        cache = Path(scratch)
        for name in ("models", "assets", "texts"):
            if (folders.local() / name).is_dir():
                shutil.copytree(folders.local() / name, cache / name)
        os.environ["EXPLORER_CACHE"] = str(cache)
        with running_app() as url, sync_playwright() as playwright:
            path = shutil.which("chromium") or shutil.which("chromium-browser")
            chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
            browser = chromium.new_context(viewport={"width": 1280, "height": 900})
            page, _ = _open(browser, url, ".tokens .token")
            idle = []
            for _ in range(3):
                tab, opened = _open(browser, url, ".tokens .token.right")
                tab.close()
                idle.append(opened)
            worker = None
            while worker is None or "the worker is starting" in page.content().lower():
                time.sleep(1)
                worker = _worker(cache)
            time.sleep(12)  # libraries and the model are loaded once
            resting = worker.memory_info().rss
            started: list[dict[str, float]] = []
            for _ in range(STARTS):
                if started:
                    page.get_by_role("button", name="Stop", exact=True).click()
                    page.get_by_label("Step of the recorded run").wait_for()
                    page.goto(url)
                page.get_by_role("textbox", name="Your text").fill(TEXT)
                page.get_by_role("textbox", name="Your text").press("Control+Enter")
                time.sleep(3)
                started.append(_start(page))
            time.sleep(2)
            before = _processor_seconds(worker)
            frames, step_time = _frames(page, WATCHED_SECONDS)
            spent = _processor_seconds(worker)
            unwatched = _unwatched(page, WATCHED_SECONDS)
            switches = _switches(page)
            link = page.url
            tab, opened = _open(browser, url, ".tokens .token.right")
            tab.close()
            watcher, joined = _open(browser, link, ".tokens .token")
            watcher.close()
            peak = worker.memory_info().rss
            page.get_by_label("Step of the recorded run").wait_for(timeout=300_000)
            time.sleep(3)
            after = worker.memory_info().rss
            chromium.close()
    return {
        "open_page_idle_seconds": idle,
        "start_to_link_seconds": [one["link"] for one in started],
        "start_to_first_frame_seconds": [one["first_frame"] for one in started],
        "frames_per_second": frames,
        "steps_per_second_watched": step_time,
        "steps_per_second_unwatched": unwatched,
        "processors_watched": {who: (spent[who] - before[who]) / WATCHED_SECONDS for who in spent},
        "switch_seconds": switches,
        "switch_seconds_median": statistics.median(switches),
        "open_page_while_training_seconds": opened,
        "join_by_link_while_training_seconds": joined,
        "worker_resting_mb": resting / 1e6,
        "worker_training_mb": peak / 1e6,
        "worker_after_mb": after / 1e6,
    }


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    print(json.dumps(measure(), indent=1))
