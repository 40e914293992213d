"""People of a class: what each does at a page, and what is noted of it."""

import asyncio
import random
import time
from base64 import b64decode
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from benchmarks.visitor import Message, Visitor
from explorer.jobs import feed
from explorer.jobs.feed import Stamp

THINKS = (1.0, 3.0)
"""Seconds somebody takes to type, and to decide."""
CLICKS = (5.0, 15.0)
"""Seconds between two clicks of one person."""
AWAY = (2.0, 6.0)
LOOK_SECONDS = 0.1
"""How often is looked when frames are written."""

WHO = ("The heron", "A porter", "My neighbour", "The night tram", "Somebody's uncle", "The baker")
DOES = (
    "waits beside the reservoir",
    "counts the lighthouse lamps",
    "has lost the second letter",
    "sells paper boats at noon",
    "knows the ferry by its bell",
    "forgot the key of the archive",
)
AND = ", and nobody on the pier has ever asked why it should be so."


def text(number: int) -> str:
    """Return a sentence that nobody else enters."""
    who, does = WHO[number % len(WHO)], DOES[number // len(WHO) % len(DOES)]
    again = number // (len(WHO) * len(DOES))
    return f"{who} {does}{f' {again + 1} times' if again else ''}{AND}"


@dataclass
class Seen:
    """What happened, in seconds.

    Attributes:
        opened: from an address to all of its page.
        clicked: from a click to the page's answer.
        first: from Start to the first frame.
        ages: from a frame's writing to its arrival.
        gaps: between two frames of one person.
        ended: from Start to the end.
        jobs: what was started.
    """

    opened: list[float] = field(default_factory=list)
    clicked: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)


class Written:
    """When the frames of some jobs were written, by looking at their files again and again."""

    def __init__(self) -> None:
        self._stamps: dict[str, Stamp | None] = {}
        self._when: dict[tuple[str, int], float] = {}

    async def look(self) -> None:
        """Look until it is cancelled."""
        while True:
            for job, found in feed.poll(self._stamps, rows=False).items():
                self._stamps[job] = found.stamp
                if found.newest is not None and found.stamp is not None:
                    step = int(found.newest.frames["step"][-1])
                    self._when.setdefault((job, step), found.stamp[0] / 1e9)
            await asyncio.sleep(LOOK_SECONDS)

    def watch(self, job: str) -> None:
        """Look at a job as well."""
        self._stamps.setdefault(job, None)

    def age(self, job: str, step: int) -> float | None:
        """Return for how long a frame has been written by now; None: it was not seen."""
        when = self._when.get((job, step))
        return None if when is None else max(0.0, time.time() - when)


class Person:
    """Somebody in the class, at one tab."""

    def __init__(self, port: int, seen: Seen, written: Written, draw: random.Random) -> None:
        self._port, self._seen, self._written, self._draw = port, seen, written, draw
        self.tab = Visitor(port, followed=self._hear)
        self.reload = asyncio.Event()
        self.has_seen = asyncio.Event()
        self.is_over = False
        self._heard: float | None = None
        self._waits_since: float | None = None
        self._late: list[tuple[str, int, float]] = []

    def _hear(self, message: Message) -> None:
        self.is_over = bool((message.get("status") or {}).get("over", self.is_over))
        if "frames" not in message:
            return
        now = time.perf_counter()
        if self._waits_since is not None:
            self._seen.first.append(now - self._waits_since)
            self._waits_since = None
        if self._heard is not None:
            self._seen.gaps.append(now - self._heard)
        self._heard = now
        self.has_seen.set()
        packed = np.frombuffer(b64decode(message["frames"]["step"]), "<i4")
        self._late.append((message["job"], int(packed[-1]), time.time()))

    def _note_ages(self) -> None:
        """Note how old frames were, once it is known when they were written."""
        for job, step, arrived in self._late:
            if (age := self._written.age(job, step)) is not None:
                self._seen.ages.append(max(0.0, age - (time.time() - arrived)))
        self._late.clear()

    async def think(self, least: float, most: float) -> None:
        """Do nothing for a while."""
        await asyncio.sleep(self._draw.uniform(least, most))

    async def open(self, query: str = "") -> None:
        """Open an address in the tab."""
        self._heard = None
        self._seen.opened.append(await self.tab.open(query))

    async def start(self, text: str, tokens: int, model: str | None) -> None:
        """Enter a text and press Start."""
        if model is not None:
            await self.click("model", "Another model")
            await self.click("other_model", model)
        await self.think(*THINKS)
        await self.click("own_text", text)
        await self.think(*THINKS)
        await self.click("length-", tokens)
        self._heard, self._waits_since = None, time.perf_counter()
        await self.click("start", None)
        self._seen.jobs.append(self.tab.job)
        self._written.watch(self.tab.job)

    async def click(self, key: str, value: str | int | list[str] | None) -> None:
        """Use a widget."""
        self._seen.clicked.append(await self.tab.enter(key, value))

    async def look_on(self, seeds: int = 4) -> None:
        """Choose one restart after the other, for ever."""
        while True:
            await self.think(*CLICKS)
            chosen = self._draw.choice(["Best", "All", *(f"seed {k}" for k in range(seeds))])
            with suppress(LookupError):  # the run has just ended
                await self.click("restarts-", [chosen])
            self._note_ages()

    async def follow(self, *, leaves: bool = False) -> None:
        """Follow the job to its end, clicking now and then; leave and come back meanwhile."""
        clicking = asyncio.create_task(self.look_on())
        try:
            over = self.tab.follow()
            if leaves:
                await asyncio.wait([over], timeout=self._draw.uniform(*CLICKS))
                self.reload.set()
            while not over.done():
                asked = asyncio.create_task(self.reload.wait())
                await asyncio.wait([over, asked], return_when=asyncio.FIRST_COMPLETED)
                asked.cancel()
                if self.reload.is_set() and not over.done():
                    self.reload.clear()
                    clicking.cancel()
                    query = self.tab.query
                    await self.tab.close()
                    await self.think(*AWAY)
                    await self.open(query)
                    clicking = asyncio.create_task(self.look_on())
                    over = self.tab.follow()
            await over
        finally:
            clicking.cancel()
            self._note_ages()
