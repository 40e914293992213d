"""Takes the documents' pictures from the running app: `python -m tools.screenshots`.

Needs Chromium and the embedded model on this disk. Starts the app on a free port, waits until each
page has settled, and writes docs/NAME-light.png and docs/NAME-dark.png.
"""

import argparse
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import sync_playwright

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


@contextmanager
def running_app() -> Iterator[str]:
    """Start the app and give its address; stop it afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true"]
    server = subprocess.Popen([*command, "--server.port", port], cwd=folders.PROJECT)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(100):
            time.sleep(0.2)
            try:
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=2)
                break
            except OSError:
                continue
        yield url
    finally:
        server.terminate()
        server.wait(20)


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
                page.goto(url + path)
                page.get_by_role("heading", level=1).wait_for()
                time.sleep(SETTLED_SECONDS)
                page.screenshot(path=target / f"{name}-{scheme}.png")
                page.close()
        browser.close()


if __name__ == "__main__":
    main()
