"""A class at once: `python -m benchmarks.classroom --people 30 --tokens 12 [--watch 100] [--json]`.

Starts a server of its own and plays people against it who speak the page's own protocol and draw
nothing: each opens the page, enters a text, presses Start, follows the event stream, clicks now
and then; every third closes the page and comes back by its link. With `--watch`, as many look at
one run afterwards. With `--kills`, the worker is killed twice and ten people reload meanwhile.
People and server share the machine: their part of it is in the report. Exit code 0: all texts are
exact, and nothing was lost.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import time
from contextlib import suppress
from typing import Any

import numpy as np
import psutil

from benchmarks.pupils import AND, LOOK_SECONDS, Person, Seen, Written, text
from benchmarks.running_app import App, own_cache, worker
from benchmarks.visitor import Visitor
from explorer.jobs import client
from explorer.solutions import store

WITHIN = 10.0
"""Seconds within which everybody opens the page."""
RELOADING = 10
SAMPLE_SECONDS = 1.0
GIVE_UP = 1200.0


async def attend(person: Person, number: int, asked: argparse.Namespace, until: float) -> None:
    """Be one of the class: a text, and another while there is time."""
    await asyncio.sleep(asked.within * number / asked.people)
    await person.open()
    again = 0
    while True:
        await person.start(text(number + again * asked.people), asked.tokens, asked.model)
        began = time.perf_counter()
        tell(f"person {number} has started {person.tab.job}")
        await person.follow(leaves=number % 3 == 0)
        tell(f"person {number} has seen the end")
        person._seen.ended.append(time.perf_counter() - began)
        looking = asyncio.create_task(person.look_on())
        await asyncio.sleep(asked.stay)
        looking.cancel()
        again += 1
        if time.monotonic() >= until:
            break
        await person.tab.close()
        await person.open()
    await person.tab.close()


async def disturb(people: list[Person], killed: list[float]) -> None:
    """Kill the worker twice, when half of those at work see something; let some reload then."""
    while len(killed) < 2:
        await asyncio.sleep(LOOK_SECONDS)
        at_work = [person for person in people if person.tab.job and not person.is_over]
        if not at_work or 2 * sum(p.has_seen.is_set() for p in at_work) < len(at_work):
            continue
        if (found := worker()) is None:
            continue
        found.kill()
        killed.append(time.time())
        tell("killed the worker")
        for person in people:
            person.has_seen.clear()
        for person in at_work[:RELOADING]:
            person.reload.set()


class Process:
    """Memory and processor time of the web process and the others, second by second."""

    def __init__(self, app: App) -> None:
        self._web, self._here = psutil.Process(app.pid), psutil.Process()
        self._worker = worker()
        self._worked = self._seconds_of_worker()
        self.rows: list[tuple[float, float, float, float]] = []

    async def look(self) -> None:
        """Look until it is cancelled."""
        while True:
            self.rows.append(self._row())
            await asyncio.sleep(SAMPLE_SECONDS)

    def _row(self) -> tuple[float, float, float, float]:
        web, here = (sum(p.cpu_times()[:2]) for p in (self._web, self._here))
        return time.monotonic(), self._web.memory_info().rss / 1e6, web, here

    def _seconds_of_worker(self) -> float | None:
        with suppress(psutil.Error):
            return sum(self._worker.cpu_times()[:2]) if self._worker else None
        return None  # it was killed

    def report(self) -> dict[str, float | None]:
        """Say how much of a core and of memory, and whether it grows in the second half."""
        self.rows.append(self._row())
        at, memory, web, here = np.array(self.rows).T
        wall, half = at[-1] - at[0], len(at) // 2
        slope = np.polyfit(at[half:] - at[half], memory[half:], 1)[0] * 60 if half > 1 else 0.0
        began, now = self._worked, self._seconds_of_worker()
        return {
            "seconds": round(wall, 1),
            "worker's cores": None
            if began is None or now is None
            else round((now - began) / wall, 2),
            "web share of a core": round((web[-1] - web[0]) / wall, 3),
            "people's share of a core": round((here[-1] - here[0]) / wall, 3),
            "web MB at first": round(memory[0]),
            "web MB at most": round(memory.max()),
            "web MB at last": round(memory[-1]),
            "web MB a minute, second half": round(float(slope), 2),
        }


async def lesson(app: App, asked: argparse.Namespace) -> dict[str, Any]:
    """Let the class come, train a text each, and go."""
    seen, written, process = Seen(), Written(), Process(app)
    until = time.monotonic() + 60 * asked.minutes
    people = [
        Person(app.port, seen, written, random.Random(k))  # noqa: S311 (moments, not secrets)
        for k in range(asked.people)
    ]
    beside = [asyncio.create_task(each.look()) for each in (written, process)]
    killed: list[float] = []
    if asked.kills:
        beside.append(asyncio.create_task(disturb(people, killed)))
    began, problems = time.perf_counter(), []
    try:
        async with asyncio.timeout(GIVE_UP + 60 * asked.minutes), asyncio.TaskGroup() as group:
            for k, person in enumerate(people):
                group.create_task(attend(person, k, asked, until))
    except* (TimeoutError, LookupError, OSError) as errors:
        problems += [f"{type(error).__name__}: {error}" for error in errors.exceptions]
    for task in beside:
        task.cancel()
    exact, lost = _ends(seen.jobs)
    return {
        "people": asked.people,
        "tokens": asked.tokens,
        "texts": len(seen.jobs),
        "texts exact": exact,
        "all over after, s": round(time.perf_counter() - began - asked.stay, 1),
        **_quantiles("open", seen.opened),
        **_quantiles("click", seen.clicked),
        **_quantiles("first frame", seen.first),
        **_quantiles("end", seen.ended),
        **_quantiles("age", seen.ages),
        **_quantiles("between frames", seen.gaps),
        "workers killed": len(killed),
        "amiss": [*problems, *lost],
        **process.report(),
    }


async def audience(app: App, asked: argparse.Namespace) -> dict[str, Any]:
    """Let many look at one run that takes long, and click."""
    seen, written, process = Seen(), Written(), Process(app)
    first = Person(app.port, seen, written, random.Random(0))  # noqa: S311
    await first.open()
    await first.start((AND * 8).strip(", "), 8 * asked.tokens, asked.model)
    job, query = first.tab.job, first.tab.query
    following = first.tab.follow()
    await asyncio.wait_for(first.has_seen.wait(), GIVE_UP)
    seen.clicked.clear()
    seen.opened.clear()
    beside = [asyncio.create_task(each.look()) for each in (written, process)]

    async def watch(number: int) -> None:
        person = Person(app.port, seen, written, random.Random(number))  # noqa: S311
        await asyncio.sleep(asked.within * number / asked.watch)
        await person.open(query)
        person.tab.follow()
        with suppress(TimeoutError):
            await asyncio.wait_for(person.look_on(), 4 * asked.stay)
        await person.tab.close()

    async with asyncio.TaskGroup() as group:
        for number in range(asked.watch):
            group.create_task(watch(number))
    for task in [*beside, following]:
        task.cancel()
    await first.tab.close()
    still = not client.get(job).over
    client.ask(job, "stop")
    return {
        "watching": asked.watch,
        "ran all the time": still,
        **_quantiles("open", seen.opened),
        **_quantiles("click", seen.clicked),
        **_quantiles("age", seen.ages),
        **process.report(),
    }


def _ends(jobs: list[str]) -> tuple[int, list[str]]:
    """Return how many texts are exact, and what of the others is amiss."""
    exact, lost = 0, []
    for job in map(client.get, jobs):
        found = [store.open_solution(name).record for name in job.result.get("solutions", [])]
        if job.state != "done" or len(found) != getattr(job.spec, "restarts", 0):
            lost.append(f"job {job.id} is {job.state}, with {len(found)} solutions: {job.error}")
        exact += any(record.exact for record in found)
    return exact, lost


def _quantiles(name: str, seconds: list[float]) -> dict[str, float | None]:
    """Return the median, the 95th percentile and the most."""
    found = np.quantile(seconds, (0.5, 0.95, 1.0)).round(2).tolist() if seconds else [None] * 3
    names = (f"{name}, {which}, s" for which in ("median", "95th", "most"))
    return dict(zip(names, found, strict=True))


def tell(what: str) -> None:
    """Say on standard error how far it is."""
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def main() -> int:
    """Play the class and print what it was like."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.classroom", description=__doc__)
    parser.add_argument("--people", type=int, default=30)
    parser.add_argument("--tokens", type=int, default=12, help="N of everybody's text")
    parser.add_argument("--watch", type=int, default=0, help="how many look at one run afterwards")
    parser.add_argument("--minutes", type=float, default=0, help="for how long people go on")
    parser.add_argument("--within", type=float, default=WITHIN, help="seconds in which all come")
    parser.add_argument("--stay", type=float, default=10, help="seconds to look at what came out")
    parser.add_argument("--model", help="folder of a model; without it, the embedded one")
    parser.add_argument("--kills", action="store_true", help="kill the worker twice; some reload")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    asked = parser.parse_args()
    with own_cache(linked=not asked.model) as scratch:
        if asked.model:  # the embedded model stays away
            os.environ |= {"HF_HUB_OFFLINE": "1", "PIP_NO_INDEX": "1"}
        app = App(scratch / "server.log")
        app.start()
        try:
            asyncio.run(_warm(app))
            tell("the worker is ready")
            found = {"class": asyncio.run(lesson(app, asked))}
            if asked.watch:
                found["audience"] = asyncio.run(audience(app, asked))
        finally:
            app.close()
    print(json.dumps(found) if asked.json else json.dumps(found, indent=1))
    whole = found["class"]
    return 1 if whole["amiss"] or whole["texts exact"] < whole["texts"] else 0


async def _warm(app: App) -> None:
    """Look once, which starts the worker, and wait until it has loaded the model."""
    tab = Visitor(app.port)
    await tab.open()
    while not client.worker_status().ready:
        await asyncio.sleep(0.5)
    await tab.close()


if __name__ == "__main__":
    sys.exit(main())
