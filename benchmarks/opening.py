"""What it costs to open a page: `python -m benchmarks.opening [--json]`.

Starts the app without a worker. Visitors open its first page in turn in two ways: with scripts and
styles as the app sends them, packed and from memory (`widgets.packed`), and as Streamlit alone
does, asked for by a header that leads past it. Measured: seconds of one who comes alone, seconds of
the last of eight who come at once, processor seconds of the web process for each, and the bytes of
scripts and styles. A browser asks for more of them than these visitors do.
"""

import argparse
import asyncio
import json
import os
import statistics
from typing import Any

import psutil

from benchmarks.running_app import App, own_cache
from benchmarks.visitor import Visitor
from explorer.base import folders

PAST = {"If-None-Match": '"none"'}
"""Asks for what has changed since; nothing that is kept in memory answers that."""
WAYS: dict[str, dict[str, str]] = {"packed": {}, "from disk": PAST}
AT_ONCE = 8


async def open_page(port: int, headers: dict[str, str]) -> tuple[float, int]:
    """Open the first page; return the seconds it took, and the bytes of scripts and styles."""
    tab = Visitor(port, headers=headers)
    seconds = await tab.open()
    await tab.close()
    return seconds, tab.linked_bytes


async def crowd(port: int, headers: dict[str, str]) -> float:
    """Open it for several people at once; return the seconds until the last of them has it."""
    found = await asyncio.gather(*[open_page(port, headers) for _ in range(AT_ONCE)])
    return max(seconds for seconds, _ in found)


def measure(rounds: int) -> dict[str, Any]:
    """Let people come in both ways, turn by turn; return medians of each, and their ratios."""
    os.environ["EXPLORER_NO_WORKER"] = "1"
    seen: dict[str, list[tuple[float, float, float, int]]] = {way: [] for way in WAYS}
    with own_cache():
        app = App(folders.make(folders.local() / "logs") / "server.log")
        app.start()
        web = psutil.Process(app.pid)
        for turn in range(rounds + 1):
            for way, headers in WAYS.items():
                alone, sent = asyncio.run(open_page(app.port, headers))
                before = sum(web.cpu_times()[:2])
                last = asyncio.run(crowd(app.port, headers))
                each = (sum(web.cpu_times()[:2]) - before) / AT_ONCE
                if turn:  # the first is warm-up
                    seen[way].append((alone, last, each, sent))
        app.close()
    names = "alone, s", f"last of {AT_ONCE}, s", "web process, s", "scripts and styles, bytes"
    found: dict[str, Any] = {
        way: dict(zip(names, map(statistics.median, zip(*turns, strict=True)), strict=True))
        for way, turns in seen.items()
    }
    packed, plain = (found[way] for way in WAYS)
    return found | {"ratios": {name: plain[name] / packed[name] for name in names}}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    found = measure(asked.rounds)
    if asked.json:
        print(json.dumps(found))
        return
    for way, numbers in found.items():
        print(f"{way}: " + ", ".join(f"{name} {value:,.3g}" for name, value in numbers.items()))


if __name__ == "__main__":
    main()
