"""Takes the documents' pictures from the running app: `python -m tools.screenshots`.

Needs Chromium and the embedded model on this disk. Starts the app on a free port, waits until each
page has settled, and writes docs/NAME-light.png and docs/NAME-dark.png.
"""

import argparse
import shutil
import time

from playwright.sync_api import sync_playwright

from benchmarks.running_app import running_app
from explorer.base import folders

PAGES = {
    "reconstruct": "/",
    "sets": "/sets",
    "distances": "/distances",
    "maps": "/maps",
    "paths": "/paths",
    "landscape": "/landscape",
    "inside": "/inside",
    "arrangements": "/arrangements",
    "paper": "/paper",
    "library": "/library",
}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SETTLED_SECONDS = 7


def main() -> None:
    """Take every picture."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    target = folders.PROJECT / "docs"
    target.mkdir(exist_ok=True)
    with running_app() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for name, path in PAGES.items():
            for scheme in ("light", "dark"):
                page = browser.new_page(
                    viewport={"width": 1280, "height": 1000}, color_scheme=scheme
                )
                page.add_init_script("localStorage.setItem('explorer-tour', 'seen')")
                page.goto(url + path)
                page.get_by_role("heading", level=1).wait_for()
                time.sleep(SETTLED_SECONDS)
                page.screenshot(path=target / f"{name}-{scheme}.png")
                page.close()
        browser.close()


if __name__ == "__main__":
    main()
