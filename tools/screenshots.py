"""Takes the documents' pictures from the running app: `python -m tools.screenshots [NAME ...]`.

Needs Chromium and the embedded model on this disk. Starts the app on a free port, with recorded
results alone and nobody to work, so that nothing half-made is caught; waits until each page has
settled, and writes docs/NAME-light.png and docs/NAME-dark.png. For `class`, eight browsers train a
text each, and the picture is of the wall meanwhile; when all are done it says how long everything
took.
"""

import argparse
import os
import shutil
import time
from typing import Literal

from playwright.sync_api import Browser, sync_playwright

from benchmarks.running_app import own_cache, running_app
from explorer.base import folders
from explorer.jobs import client
from explorer.people.person import recognised, rename
from widgets import server

PAGES = {
    "reconstruct": "/",
    "sets": "/sets",
    "distances": "/distances",
    "maps": "/maps",
    "paths": "/paths",
    "landscape": "/landscape",
    "inside": "/inside",
    "roles": "/roles",
    "arrangements": "/arrangements",
    "paper": "/paper",
    "library": "/library",
}
CLASS = {
    "Ada": "The ferry leaves at dawn.",
    "Ben": "Who painted the bridge green?",
    "Cleo": "Two kites and one long string.",
    "Dana": "It rained on the day of the fair.",
    "Emil": "Der Zug nach Ulm fährt um acht.",
    "Fatou": "Nobody had counted the stairs.",
    "Goran": "A map of the moon, folded twice.",
    "Hana": "Tea first, and then the news.",
}
TOUR_SEEN = "localStorage.setItem('explorer-tour', 'seen')"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SETTLED_SECONDS = 4
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def main() -> None:
    """Take the pictures that were named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *PAGES, "class"])
    names = parser.parse_args().names or [*PAGES, "class"]
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        pages = [name for name in PAGES if name in names]
        if pages:
            os.environ["EXPLORER_NO_WORKER"] = "1"
            with own_cache(), running_app() as url:
                for name in pages:
                    _take(browser, name, url + PAGES[name])
            del os.environ["EXPLORER_NO_WORKER"]
        if "class" in names:
            with own_cache(), running_app("0.0.0.0") as url:
                _class(browser, url)
        browser.close()


def _take(browser: Browser, name: str, address: str) -> None:
    """Write the pictures of a page in both themes."""
    target = folders.make(folders.PROJECT / "docs")
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.add_init_script(TOUR_SEEN)
    page.goto(address)
    page.get_by_role("heading", level=1).wait_for(timeout=120_000)
    page.locator("[data-test-script-state=notRunning]").wait_for(timeout=120_000)
    page.wait_for_function("!document.querySelector('[data-testid=stSkeleton]')", timeout=120_000)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        time.sleep(SETTLED_SECONDS)
        page.screenshot(path=target / f"{name}-{scheme}.png", timeout=120_000)
    page.close()


def _class(browser: Browser, url: str) -> None:
    """Let everybody start their text, each in a browser of their own, and look at the wall."""
    took = []
    for name, text in CLASS.items():
        page, began = browser.new_context().new_page(), time.monotonic()
        page.add_init_script(TOUR_SEEN)
        page.goto(url)
        field = page.get_by_role("textbox", name="Your text")
        field.fill(text, timeout=120_000)
        field.press("Control+Enter")
        page.locator("[data-test-script-state=notRunning]").wait_for()
        page.get_by_role("button", name="Start", exact=True).click()
        page.wait_for_url("**job=*")
        took.append(time.monotonic() - began)
        secret = next(c for c in page.context.cookies() if c.get("name") == server.BROWSER)
        rename(recognised(str(secret.get("value"))), name)
    started = time.monotonic()
    _take(browser, "class", f"{url}/classroom")
    while client.jobs(open_only=True):
        time.sleep(0.5)
    over = time.monotonic() - started
    print(f"From an address to a start: {max(took):.1f} s at most; all over {over:.0f} s later.")


if __name__ == "__main__":
    main()
