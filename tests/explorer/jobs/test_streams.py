"""One look for all who watch, and to each what they have not been told yet."""

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncIterator, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from explorer.base import language
from explorer.base.errors import StorageError
from explorer.jobs import client, feed
from explorer.jobs import streams as hub
from explorer.jobs.streams import Hub
from explorer.solutions import store
from explorer.solutions.recording import read_log
from tests.explorer.jobs.frames import Viewer, begin, change, frame, log_of, say

WRONG, RIGHT = [[1, 2, 3], [1, 2, 3]], [[5, 6, 7], [5, 2, 3]]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(hub, "BEAT_SECONDS", 5)


class Looks:
    """Counts how often jobs are looked at, and refuses when told to."""

    def __init__(self) -> None:
        self.count, self.refuses, self.jobs = 0, False, set[str]()

    def __call__(self, watched: Mapping[str, Any], *, rows: bool) -> dict[str, feed.Poll]:
        self.count += 1
        self.jobs |= set(watched)
        if self.refuses:
            raise StorageError("The disk is away.")
        return feed.poll(watched, rows=rows)


def made(looks: Looks | None = None) -> Hub:
    return Hub(lambda _: say, looks or Looks(), lambda: "")


def run(test: Coroutine[Any, Any, None]) -> None:
    async def within() -> None:
        async with asyncio.timeout(30):
            await test

    with ThreadPoolExecutor(1) as aside:  # in this thread a browser's loop may be running
        aside.submit(asyncio.run, within()).result()


@contextlib.asynccontextmanager
async def watching(one: Hub, *jobs: str, **heard: Any) -> AsyncIterator[AsyncIterator[hub.Told]]:
    stream = one.follow(jobs, **heard)
    try:
        yield stream
    finally:
        await stream.aclose()


async def until(stream: AsyncIterator[hub.Told], viewer: Viewer, step: int) -> str:
    """Hear on until a step is seen; return up to where everything was told."""
    async for told, messages in stream:
        for text in messages:
            viewer.hear(text)
        if viewer.steps and viewer.steps[-1] >= step:
            return told
    raise AssertionError("the stream has ended")


def test_who_comes_late_hears_the_history_then_the_differences() -> None:
    async def test() -> None:
        job, one = begin(), made()
        log = log_of(job)
        for step in range(5):
            log.publish(frame(step, WRONG))
        viewer, late = Viewer(), Viewer()
        async with watching(one, job) as stream:
            await until(stream, viewer, 4)
            log.publish(frame(5, RIGHT))
            await until(stream, viewer, 5)
            async with watching(one, job) as other:
                await until(other, late, 5)
                log.publish(frame(6, RIGHT))
                await until(other, late, 6)
                await until(stream, viewer, 6)
        for seen in (viewer, late):
            assert seen.steps == [0, 1, 2, 3, 4, 5, 6] and seen.resets == 1
            assert seen.text == say([5, 6, 7, 5, 2, 3])

    run(test())


def test_one_look_serves_all_and_only_while_somebody_watches() -> None:
    async def test() -> None:
        looks = Looks()
        job, other, one = begin(), begin(), made(looks)
        log = log_of(job)
        log.publish(frame(0, WRONG))
        await asyncio.sleep(0.05)
        assert looks.count == 0
        async with contextlib.AsyncExitStack() as stack:
            streams = [await stack.enter_async_context(watching(one, job)) for _ in range(20)]
            viewers = [Viewer() for _ in streams]
            for step in range(1, 6):
                log.publish(frame(step, WRONG))
                for stream, viewer in zip(streams, viewers, strict=True):
                    await until(stream, viewer, step)
            assert looks.count < 60 and looks.jobs == {job}  # not twenty times as many
        before = looks.count
        await asyncio.sleep(0.1)
        assert looks.count <= before + 1 and other not in looks.jobs

    run(test())


def test_thirty_who_come_at_once_share_one_history(monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    history = hub._history
    monkeypatch.setattr(hub, "_history", lambda *a: written.append(1) or history(*a))

    async def test() -> None:
        job, one = begin(), made()
        log_of(job).publish(frame(3, WRONG))

        async def come() -> Viewer:
            viewer = Viewer()
            async with watching(one, job) as stream:
                await until(stream, viewer, 3)
            return viewer

        viewers = await asyncio.gather(*(come() for _ in range(30)))
        assert [viewer.steps for viewer in viewers] == [[3]] * 30
        assert len(written) <= 2  # before its first look a job has none

    run(test())


def test_who_lost_the_connection_goes_on_where_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "AWAY_SECONDS", 0.02)

    async def test() -> None:
        job, one = begin(), made()
        log = log_of(job)
        log.publish(frame(1, WRONG))
        viewer = Viewer()
        async with watching(one, job) as stream:
            heard = await until(stream, viewer, 1)
        for step in range(2, 9):  # nobody is connected: nothing is read
            log.publish(frame(step, WRONG if step < 8 else RIGHT))
        await asyncio.sleep(0.1)
        async with watching(one, job, after=heard) as stream:
            await until(stream, viewer, 8)
        assert viewer.resets == 1 and viewer.steps == list(range(1, 9))
        assert viewer.text == say([5, 6, 7, 5, 2, 3])

    run(test())


def test_who_was_away_too_long_hears_the_history_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "MOST_KEPT", 3)

    async def test() -> None:
        job, one = begin(), made()
        log = log_of(job)
        log.publish(frame(0, WRONG))
        slow, quick = Viewer(), Viewer()
        async with watching(one, job) as stream, watching(one, job) as other:
            await until(stream, slow, 0)
            for step in range(1, 12):
                log.publish(frame(step, WRONG if step < 11 else RIGHT))
                await until(other, quick, step)
            await until(stream, slow, 11)  # it did not listen meanwhile
            assert (slow.resets, quick.resets) == (2, 1)
            assert slow.steps == quick.steps == list(range(12))
            assert slow.text == quick.text

    run(test())


@pytest.mark.parametrize(
    "heard", ["", "other.7", "nonsense", "..", "x.-1", "a.99999999999999999999"]
)
def test_what_another_server_told_counts_for_nothing(heard: str) -> None:
    async def test() -> None:
        job, one, viewer = begin(), made(), Viewer()
        log_of(job).publish(frame(2, WRONG))
        async with watching(one, job, after=heard) as stream:
            await until(stream, viewer, 2)
        assert viewer.steps == [2] and viewer.resets == 1

    run(test())


def test_one_number_says_what_was_heard_of_several_jobs() -> None:
    async def test() -> None:
        first, second, one = begin(), begin(), made()
        logs = {job: log_of(job) for job in (first, second)}
        for log in logs.values():
            log.publish(frame(1, WRONG))
        viewers = {first: Viewer(), second: Viewer()}

        async def hear(step: int, **heard: Any) -> str:
            async with watching(one, first, second, **heard) as stream:
                async for told, messages in stream:
                    for text in messages:
                        viewers[first if f'"job":"{first}"' in text else second].hear(text)
                    if all(viewer.steps[-1:] >= [step] for viewer in viewers.values()):
                        return told
            raise AssertionError

        heard = await hear(1)
        for log in logs.values():
            log.publish(frame(2, RIGHT))
        heard = await hear(2, after=heard)
        assert all(viewer.steps == [1, 2] for viewer in viewers.values())
        await hear(2, after=heard, fresh=[second])  # who has forgotten one of them
        assert (viewers[first].resets, viewers[second].resets) == (1, 2)

    run(test())


def test_who_polls_hears_the_same() -> None:
    async def test() -> None:
        job, one, viewer = begin(), made(), Viewer()
        log = log_of(job)
        heard = ""
        for step in range(4):
            log.publish(frame(step, WRONG if step < 3 else RIGHT))
            while step not in viewer.steps:
                heard, messages = await one.news([job], heard)
                for text in messages:
                    viewer.hear(text)
                await asyncio.sleep(0.01)
        assert viewer.resets == 1 and viewer.steps == [0, 1, 2, 3]
        assert await one.news([job], heard) == (heard, [])

    run(test())


def test_a_run_that_begins_anew_is_told_anew() -> None:
    async def test() -> None:
        job, one, viewer = begin(), made(), Viewer()
        log = log_of(job)
        log.publish(frame(7, RIGHT))
        async with watching(one, job) as stream:
            await until(stream, viewer, 7)
            log.live.unlink()
            log.path.unlink()
            log_of(job).publish(frame(0, WRONG))
            async for _, messages in stream:
                for text in messages:
                    viewer.hear(text)
                if viewer.steps == [0]:
                    break
        assert viewer.resets == 2 and viewer.text == say([1, 2, 3] * 2)

    run(test())


def test_the_stream_ends_with_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "_heard", {"de"})

    async def test() -> None:
        job, one, viewer = begin(), made(), Viewer()
        change(job, state="running")
        ended = False
        async for _, messages in one.follow([job]):
            for text in messages:
                viewer.hear(text)
            if not ended:
                assert viewer.status["state"] == "running"
                ended = True
                change(job, state="done", sentence="2 of 2 restarts exact.")
        assert viewer.status["over"] and viewer.status["sentence"] == "2 of 2 restarts exact."
        said = {"sentence": {"de": "2 von 2 Anläufen exakt."}, "note": {}}
        assert viewer.status["elsewhere"] == said

    run(test())


def test_it_forgets_what_nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "KEPT_SECONDS", 0.1)
    monkeypatch.setattr(hub, "POLL_SECONDS", 0.1)

    async def test() -> None:
        one, jobs = made(), [begin() for _ in range(5)]
        for job in jobs:
            viewer = Viewer()
            log_of(job).publish(frame(0, WRONG))
            async with watching(one, job) as stream:
                await until(stream, viewer, 0)
        await one.news(jobs)
        assert len(one) > 0
        while len(one):
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.05)
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        assert not [task for task in tasks if "_watch" in repr(task)]

    run(test())


def test_a_disk_that_refuses_for_a_moment_ends_nothing() -> None:
    async def test() -> None:
        looks = Looks()
        job, one, viewer = begin(), made(looks), Viewer()
        log = log_of(job)
        log.publish(frame(0, WRONG))
        async with watching(one, job) as stream:
            await until(stream, viewer, 0)
            looks.refuses = True
            await asyncio.sleep(0.05)
            looks.refuses = False
            log.publish(frame(1, RIGHT))
            await until(stream, viewer, 1)
        assert viewer.resets == 1

    run(test())


def test_when_the_server_ends_everybody_is_let_go() -> None:
    async def test() -> None:
        one, job = made(), begin()

        async def follow() -> None:
            async for _ in one.follow([job]):
                pass

        viewers = [asyncio.create_task(follow()) for _ in range(3)]
        await asyncio.sleep(0.1)
        one.close()
        async with asyncio.timeout(2):
            await asyncio.gather(*viewers)

    run(test())


def test_the_event_loop_never_waits_for_the_disk() -> None:
    async def test() -> None:
        import threading

        loop_thread, threads = threading.get_ident(), set[int]()

        def look(watched: Mapping[str, Any], *, rows: bool) -> dict[str, feed.Poll]:
            threads.add(threading.get_ident())
            return feed.poll(watched, rows=rows)

        def sayer(_: str) -> feed.Say:
            threads.add(threading.get_ident())
            return say

        job, viewer = begin(), Viewer()
        log_of(job).publish(frame(0, WRONG))
        one = Hub(sayer, look, lambda: "")
        async with watching(one, job) as stream:
            await until(stream, viewer, 0)
        assert threads and loop_thread not in threads

    run(test())


def test_the_end_of_a_run_is_heard_at_once_though_rows_are_read_seldom(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub, "ROWS_SECONDS", 3600.0)

    async def test() -> None:
        job, one, viewer = begin(), made(), Viewer()
        log = log_of(job)
        log.publish(frame(0, WRONG))
        async with watching(one, job) as stream:
            await until(stream, viewer, 0)
            last = frame(1, RIGHT)
            last["phase"] = feed.DONE
            log.publish(last)
            await until(stream, viewer, 1)
            change(job, state="done")
            async for _, messages in stream:
                for text in messages:
                    viewer.hear(text)
        assert viewer.status["over"]

    run(test())


def test_a_board_is_told_whole_once_and_then_what_has_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub, "BOARD_SECONDS", 0.0)
    tiles: dict[str, Any] = {"a": {"right": 1}, "b": {"right": 2}}

    async def test() -> None:
        one = Hub(lambda _: say, Looks(), lambda: "", {"wall": lambda: dict(tiles)})
        async with watching(one, "wall") as stream, watching(one, "wall") as late:
            _, (first,) = await anext(stream)
            whole = json.loads(first)
            assert whole["reset"] and whole["tiles"] == tiles and not whole["status"]["over"]
            tiles["a"], tiles["c"] = {"right": 3}, {"right": 0}
            del tiles["b"]
            changed = {"a": {"right": 3}, "c": {"right": 0}}
            told, messages = await anext(stream)
            assert [json.loads(text) for text in messages] == [
                {"job": "wall", "tiles": changed, "gone": ["b"]}
            ]
            _, messages = await anext(late)
            assert json.loads(messages[0])["reset"], "who comes late is told all"
            assert (await one.news(["wall"], told))[1] == []

    run(test())


def test_who_comes_when_a_run_is_over_hears_its_whole_history() -> None:
    async def test() -> None:
        job, one, viewer = begin(), made(), Viewer()
        log = log_of(job)
        for step in range(4):
            log.publish(frame(step, WRONG))
        whole = read_log(client.folder_of(job))
        assert whole is not None
        store.run_folder(job).mkdir(parents=True)
        whole.save(store.run_folder(job) / store.RECORDING)
        shutil.rmtree(client.folder_of(job))
        change(job, state="done")
        async with watching(one, job) as stream:
            await until(stream, viewer, 3)
        assert viewer.steps == [0, 1, 2, 3] and viewer.status["over"] and viewer.resets == 1

    run(test())
