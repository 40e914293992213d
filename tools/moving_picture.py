"""Takes the README's moving picture from the running app: `python -m tools.moving_picture`.

Needs Chromium; no model, for it shows a recorded run. Starts the app on a free port, moves the
run's slider from its first step to its last, and writes what is seen to docs/playing.gif.
"""

import argparse
import io
import os
import shutil

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from benchmarks.running_app import own_cache, running_app
from explorer.base import folders
from tools.screenshots import FLAGS, TOUR_SEEN

TARGET = folders.PROJECT / "docs" / "playing.gif"
WIDTH, HEIGHT = 1280, 720
MOST_FRAMES, COLOURS = 60, 255
EACH_MS, LAST_MS = 110, 3_000
MOVE = "(slider, at) => { slider.value = at; slider.dispatchEvent(new Event('input')); }"


def main() -> None:
    """Take the picture."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    os.environ["EXPLORER_NO_WORKER"] = "1"
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with own_cache(), running_app() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT},
            color_scheme="light",
            reduced_motion="reduce",
        )
        page.add_init_script(TOUR_SEEN)
        page.goto(url)
        frames = _frames(page)
        browser.close()
    palette = _palette(frames)  # one for all: only what moves is stored
    first, *others = [f.quantize(palette=palette, dither=Image.Dither.NONE) for f in frames]
    first.save(
        TARGET,
        save_all=True,
        append_images=others,
        loop=0,
        optimize=True,
        duration=[*[EACH_MS] * len(others), LAST_MS],
    )
    print(f"{TARGET}: {len(frames)} frames, {TARGET.stat().st_size / 1e6:.2f} MB")


def _palette(frames: list[Image.Image]) -> Image.Image:
    """Return an image of the colours that some of the frames have."""
    some = frames[:: max(1, len(frames) // 6)]
    stacked = Image.new("RGB", (WIDTH, HEIGHT * len(some)))
    for number, frame in enumerate(some):
        stacked.paste(frame, (0, HEIGHT * number))
    return stacked.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE)


def _frames(page: Page) -> list[Image.Image]:
    """Return what is seen of the recorded run at some sixty of its steps, the last among them."""
    slider = page.locator(".player .time").first
    slider.wait_for(timeout=120_000)
    page.locator("[data-test-script-state=notRunning]").wait_for(timeout=120_000)
    page.get_by_role("figure").first.wait_for()
    page.wait_for_timeout(3_000)  # charts have drawn
    last = int(slider.get_attribute("max") or 0)
    count = min(MOST_FRAMES, last + 1)
    made = []
    for number in range(count):
        slider.evaluate(MOVE, round(last * number / (count - 1)))
        made.append(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
    return made


if __name__ == "__main__":
    main()
