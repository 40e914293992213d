"""One look at a job for all who watch it, and to each what they have not been told yet.

Messages are numbered through for all jobs together, so that one number says what somebody has
heard of everything they watch. The last messages of each job are kept: who lost the connection
goes on from there; who is new, or was away for longer, is told the whole history once.
"""

import asyncio
import contextlib
import secrets
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from explorer.base.errors import ExplorerError
from explorer.jobs import client, feed
from explorer.jobs.feed import Poll, Say, Stamp
from explorer.solutions.recording import Recording, read_log

TICK_SECONDS = 0.2
"""How often is looked for new frames of jobs that somebody watches."""
ROWS_SECONDS = 0.98
"""How often the catalogue is asked about them, which costs more than a frame; at the end of a run
with every look."""
BOARD_SECONDS = 0.9
"""How often a board is read: it tells of everybody, to everybody who looks."""
NOTE_SECONDS = 2.0
"""How often is looked after the worker meanwhile."""
POLL_SECONDS = 6.0
"""For how long somebody who polls counts as watching: three of their polls."""
KEPT_SECONDS = 30.0
"""For how long a job's last messages are kept when nobody watches it any more."""
MOST_KEPT = 64
"""Messages of a job that are kept: some 13 seconds of frames."""
AWAY_SECONDS = 1.0
"""If nobody has looked for longer, frames in between are read from the log as well."""
BEAT_SECONDS = 10.0
"""After how much silence a viewer hears that the connection is there."""
MOST_JOBS = 64
"""Jobs that one viewer can watch."""

Told = tuple[str, list[str]]
"""Up to where somebody has been told everything, and messages (JSON)."""


@dataclass
class Channel:
    """One job that somebody watches, and what was last told of it.

    Attributes:
        job: its id.
        forgotten: number of the last message that is not kept.
        number: number of the last message.
        status: what is known of it; None before the first look.
        stamp: of the newest frame.
        newest: the newest frame.
        say: token ids of this run to texts.
        tiles: of a board, what was last told.
        kept: the last messages with their numbers.
        viewers: how many are connected.
        polled: when somebody last polled.
        left: when the last viewer has left.
        looked: when it was last looked at.
        whole: the whole history as of a message's number, being made or made.
    """

    job: str
    forgotten: int
    number: int
    status: dict[str, Any] | None = None
    stamp: Stamp | None = None
    newest: Recording | None = None
    say: Say | None = None
    tiles: dict[str, Any] | None = None
    kept: deque[tuple[int, str]] = field(default_factory=deque)
    viewers: int = 0
    polled: float = -POLL_SECONDS
    left: float = -KEPT_SECONDS
    looked: float = 0.0
    whole: tuple[int, asyncio.Task[str]] | None = None

    @property
    def is_urgent(self) -> bool:
        """Whether nothing is known of it, or its last frame has come and its end has not."""
        return self.status is None or (not self.status["over"] and feed.is_last(self.newest))

    def is_watched(self, now: float) -> bool:
        """Whether somebody looks."""
        return self.viewers > 0 or now - self.polled < POLL_SECONDS

    def is_kept(self, now: float) -> bool:
        """Whether what was told of it is still of use."""
        return self.is_watched(now) or now - max(self.left, self.polled) < KEPT_SECONDS


@dataclass(frozen=True)
class _News:
    """What a look has changed of a channel; the text is None if its viewers have to begin anew."""

    status: dict[str, Any]
    stamp: Stamp | None
    newest: Recording | None
    say: Say | None
    text: str | None
    tiles: dict[str, Any] | None = None


class Hub:
    """All jobs that somebody watches. Lives in one event loop, reads files in threads."""

    def __init__(
        self,
        sayer: Callable[[str], Say],
        poll: Callable[..., dict[str, Poll]] = feed.poll,
        note: Callable[[], str] = feed.worker_note,
        boards: Mapping[str, Callable[[], dict[str, Any]]] | None = None,
    ) -> None:
        """Watch nothing yet.

        Args:
            sayer: returns for a model's name what turns its token ids into texts.
            poll: looks at jobs; see `feed.poll`.
            note: says why nothing moves; see `feed.worker_note`.
            boards: what is watched under these names is no job: tiles by name, each told again
                when it has changed.
        """
        self._boards = boards or {}
        self._sayer, self._poll, self._note = sayer, poll, note
        self._name = secrets.token_hex(4)  # numbers of an earlier server mean nothing here
        self._channels: dict[str, Channel] = {}
        self._number = 0
        self._news = asyncio.Event()
        self._joined = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._asked = self._noted = -NOTE_SECONDS
        self._said = ""
        self.closed = False

    def __len__(self) -> int:
        """Return how many jobs are watched or kept."""
        return len(self._channels)

    async def follow(
        self, jobs: Collection[str], after: str = "", fresh: Collection[str] = ()
    ) -> AsyncGenerator[Told, None]:
        """Tell one viewer what happens, until all jobs are over; with no messages now and then.

        Args:
            jobs: their ids.
            after: up to where they have been told; empty or of another server: nothing.
            fresh: those of the jobs of which they know nothing all the same.
        """
        with self._watched(jobs) as channels:
            heard = self._heard(channels, after, fresh)
            while not self.closed:
                news = self._news
                told = await self._told(channels, heard)
                if told[1]:
                    yield told
                if all(channel.status and channel.status["over"] for channel in channels):
                    return
                if self._task is None or self._task.done():  # it failed: they come again
                    return
                try:
                    async with asyncio.timeout(BEAT_SECONDS):
                        await news.wait()
                except TimeoutError:
                    yield f"{self._name}.{self._number}", []

    async def news(
        self, jobs: Collection[str], after: str = "", fresh: Collection[str] = ()
    ) -> Told:
        """Tell somebody who polls what has happened since the last time."""
        with self._watched(jobs) as channels:
            for channel in channels:
                channel.polled = time.monotonic()
            async with asyncio.timeout(BEAT_SECONDS):
                while any(channel.status is None for channel in channels) and not self.closed:
                    await self._news.wait()
            return await self._told(channels, self._heard(channels, after, fresh))

    def close(self) -> None:
        """Let all who are connected go."""
        self.closed = True
        self._wake()

    @contextlib.contextmanager
    def _watched(self, jobs: Collection[str]) -> Iterator[list[Channel]]:
        channels = []
        for job in list(dict.fromkeys(jobs))[:MOST_JOBS]:
            if job not in self._channels:
                self._number += 1  # whoever has heard of it before has missed something
                self._channels[job] = Channel(job, self._number, self._number)
            channels.append(self._channels[job])
        for channel in channels:
            channel.viewers += 1
        self._joined.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        try:
            yield channels
        finally:
            for channel in channels:
                channel.viewers -= 1
                channel.left = time.monotonic()

    def _heard(
        self, channels: Collection[Channel], after: str, fresh: Collection[str]
    ) -> dict[str, int]:
        name, _, number = after.partition(".")
        known = int(number) if name == self._name and number.isdecimal() else -1
        return {c.job: -1 if c.job in fresh else known for c in channels}

    async def _told(self, channels: Collection[Channel], heard: dict[str, int]) -> Told:
        """Return what is new to a viewer, and note in `heard` that they know it."""
        messages: list[tuple[int, str]] = []
        for channel in channels:
            if channel.status is not None and heard[channel.job] < channel.forgotten:
                heard[channel.job], text = await self._whole(channel)
                messages.append((heard[channel.job], text))
        for channel in channels:  # no wait from here on: the number holds for all of them
            if channel.status is not None:
                messages += [kept for kept in channel.kept if kept[0] > heard[channel.job]]
                heard[channel.job] = max(heard[channel.job], channel.number)
        return f"{self._name}.{self._number}", [text for _, text in sorted(messages)]

    async def _whole(self, channel: Channel) -> tuple[int, str]:
        """Return the whole history, made once for all who come within some seconds."""
        if channel.whole is None or channel.whole[0] < channel.forgotten:
            making = asyncio.to_thread(
                _history, channel.job, channel.status, channel.newest, channel.say, channel.tiles
            )
            channel.whole = channel.number, asyncio.create_task(making)
        number, task = channel.whole
        return number, await asyncio.shield(task)

    async def _watch(self) -> None:
        """Look at all jobs that somebody watches, until there is none left."""
        try:
            while self._channels and not self.closed:
                self._joined.clear()
                now = time.monotonic()
                watched = [c for c in self._channels.values() if c.is_watched(now)]
                if watched:
                    await self._poll_all(watched)
                    await asyncio.sleep(TICK_SECONDS)
                else:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(1):
                            await self._joined.wait()
                now = time.monotonic()
                for job in [j for j, c in self._channels.items() if not c.is_kept(now)]:
                    del self._channels[job]
        finally:
            self._task = None
            self._wake()

    async def _poll_all(self, channels: Collection[Channel]) -> None:
        try:
            found = await asyncio.to_thread(self._read, channels)
        except ExplorerError as error:  # the disk refuses, perhaps for a moment
            self._said, self._noted = str(error), time.monotonic()
            return
        for channel, new in found:
            self._number += 1
            channel.number = self._number
            channel.status, channel.stamp = new.status, new.stamp
            channel.newest, channel.say, channel.tiles = new.newest, new.say, new.tiles
            if new.text is None:
                channel.kept.clear()
                channel.forgotten = self._number
                continue
            channel.kept.append((self._number, new.text))
            while len(channel.kept) > MOST_KEPT:
                channel.forgotten = channel.kept.popleft()[0]
        if found:
            self._wake()

    def _read(self, channels: Collection[Channel]) -> list[tuple[Channel, _News]]:
        """Look at jobs and write down what is new of each, in a thread: nobody waits for the disk.

        Raises:
            StorageError: if the catalogue cannot be read.
        """
        now = time.monotonic()
        rows = now - self._asked >= ROWS_SECONDS or any(c.is_urgent for c in channels)
        jobs = [channel for channel in channels if channel.job not in self._boards]
        polls = self._poll({channel.job: channel.stamp for channel in jobs}, rows=rows)
        if rows:
            self._asked = now
        if now - self._noted >= NOTE_SECONDS:
            self._said, self._noted = self._note(), now
        news = [(c, self._new(c, polls[c.job])) for c in jobs]
        news += [(c, self._of_board(c)) for c in channels if c.job in self._boards]
        return [(channel, new) for channel, new in news if new is not None]

    def _new(self, known: Channel, poll: Poll) -> _News | None:
        status = poll.status or known.status or feed.NOT_THERE
        status = feed.noted(status, self._said)
        message: dict[str, Any] = {} if status == known.status else {"status": status}
        begins, newest, say = known.status is None, known.newest, known.say
        if poll.newest is not None and not feed.is_same(newest, poll.newest):
            if newest is None or say is None or not feed.goes_on(newest, poll.newest):
                begins, say = True, self._sayer(poll.newest.header.model)
            else:
                away = time.monotonic() - known.looked > AWAY_SECONDS
                whole = read_log(client.folder_of(known.job)) if away else None
                message |= feed.difference(newest, poll.newest, say, whole)
            newest = poll.newest
        known.looked = time.monotonic()
        if not message and not begins:
            return None
        text = None if begins else feed.text(known.job, message)
        return _News(status, poll.stamp, newest, say, text)

    def _of_board(self, known: Channel) -> _News | None:
        now = time.monotonic()
        if known.tiles is not None and now - known.looked < BOARD_SECONDS:
            return None
        known.looked, tiles, old = now, self._boards[known.job](), known.tiles or {}
        changed = {name: tile for name, tile in tiles.items() if old.get(name) != tile}
        gone = [name for name in old if name not in tiles]
        begins = known.tiles is None
        if not begins and not changed and not gone:
            return None
        text = None if begins else feed.text(known.job, {"tiles": changed, "gone": gone})
        return _News({"over": False}, None, None, None, text, tiles)

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _history(
    job: str,
    status: dict[str, Any] | None,
    newest: Recording | None,
    say: Say | None,
    tiles: dict[str, Any] | None = None,
) -> str:
    """Return all that is known of a job or a board, as one message."""
    message: dict[str, Any] = {"reset": True, "status": status, "tiles": tiles or {}}
    if newest is not None and say is not None:
        whole = read_log(client.folder_of(job)) or feed.recorded(job)
        if whole is None or whole.header != newest.header:
            whole = newest
        message |= feed.history(whole, newest, say)
    return feed.text(job, message)
