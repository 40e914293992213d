"""Charts as files: HTML by themselves; SVG, PDF and PNG by Kaleido, which drives a Chrome.

Kaleido is Plotly's own way, and gives vectors as vectors and the fonts of the browser. What needs
a browser says so where there is none.
"""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, get_args

from explorer.base.errors import BadInputError, MissingAssetError
from explorer.base.files import zip_of
from explorer.base.language import later, tr
from explorer.figures.chart import Chart

Format = Literal["svg", "pdf", "png", "html"]
FORMATS: tuple[Format, ...] = get_args(Format)
WIDTH, HEIGHT, SCALE = 900, 320, 2
"""Of an image in pixels; a chart that asks for a height has that one. PNG has twice as many."""
NO_BROWSER = later(
    "SVG, PDF and PNG are drawn by Chrome or Chromium, and there is none on this machine. Install "
    "one (Debian: apt-get install chromium), or choose html."
)
_one = threading.Lock()
"""One browser at a time: each takes some 200 MB."""


def require_formats(names: Sequence[str]) -> list[Format]:
    """Return formats by their names.

    Raises:
        BadInputError: if there is no such format, or none is named.
    """
    found = [known for known in FORMATS if known in names]
    if not found or set(names) - set(found):
        raise BadInputError(
            tr("Name one or more of the formats {formats}.", formats=", ".join(FORMATS))
        )
    return found


def has_browser() -> bool:
    """Whether there is a browser that Kaleido can drive."""
    from choreographer.browsers.chromium import Chromium

    return Chromium.find_browser(skip_local=False) is not None


def files(charts: Sequence[Chart], formats: Sequence[Format]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of a file for each chart and format, numbered in their order.

    Raises:
        MissingAssetError: if an image is asked for, and no browser is here or it does not answer.
    """
    names = [f"{number:02d}-{chart.key}" for number, chart in enumerate(charts, 1)]
    if "html" in formats:
        yield from ((f"{n}.html", c.html().encode()) for n, c in zip(names, charts, strict=True))
    if images := [name for name in formats if name != "html"]:
        drawn = iter(_drawn(charts, images))
        yield from ((f"{name}.{suffix}", next(drawn)) for name in names for suffix in images)


def archive(charts: Sequence[Chart], formats: Sequence[Format]) -> bytes:
    """Return all `files` as one ZIP.

    Raises:
        MissingAssetError: as `files`.
    """
    return zip_of(files(charts, formats))


def _drawn(charts: Sequence[Chart], formats: Sequence[str]) -> list[bytes]:
    """Draw every chart in every format; in a thread, since a caller may have a loop of its own."""
    if not has_browser():
        raise MissingAssetError(tr(NO_BROWSER))
    with _one, ThreadPoolExecutor(1) as thread:
        try:
            return thread.submit(asyncio.run, _draw(charts, formats)).result()
        except (RuntimeError, OSError, TimeoutError) as error:
            raise MissingAssetError(
                tr(
                    "The browser that draws images could not be used ({error}). Choose html, or "
                    "install another Chrome or Chromium.",
                    error=error,
                )
            ) from error


async def _draw(charts: Sequence[Chart], formats: Sequence[str]) -> list[bytes]:
    from kaleido import Kaleido

    made: list[bytes] = []
    async with Kaleido(mathjax=False) as browser:  # MathJax would come from elsewhere
        for chart in charts:
            figure = chart.on_white()
            size = {"width": WIDTH, "height": figure.layout.height or HEIGHT}
            for name in formats:
                how = size | {"format": name, "scale": SCALE if name == "png" else 1}
                made.append(await browser.calc_fig(figure, opts=how))
    return made
