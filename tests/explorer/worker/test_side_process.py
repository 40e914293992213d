"""A process beside this one: it works apart, outlives mistakes, and leaves with its parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import psutil
import pytest

from explorer.base import folders
from explorer.base.errors import BadInputError
from explorer.base.progress import Progress
from explorer.worker.side_process import LESS_URGENT, SideProcess, StoppedError, tell

pytestmark = pytest.mark.end_to_end

PATIENCE = 60.0


@pytest.fixture
def process() -> Iterator[SideProcess]:
    made = SideProcess()
    yield made
    made.close()


def _sleep_and_square(number: int) -> int:
    time.sleep(0.5)
    return number**2


def _refuse(sentence: str) -> None:
    raise BadInputError(sentence)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _who() -> tuple[int, int]:
    return os.getpid(), os.nice(0)


def test_one_process_of_less_urgency_does_one_thing_after_the_other(process: SideProcess) -> None:
    first, again = process.submit(_who), process.submit(_who)
    pid, niceness = first.result(PATIENCE)
    assert again.result(PATIENCE)[0] == pid != os.getpid()
    assert niceness == min(19, os.nice(0) + LESS_URGENT)


def _count(most: int) -> int:
    for number in range(most):
        tell(Progress(f"Number {number}.", number / most))
        time.sleep(0.02)
    return most


def _newest(process: SideProcess, of: "Future[int]") -> Progress:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if (progress := process.progress(of)) is not None:
            return progress
        time.sleep(0.02)
    raise AssertionError("nothing was told")


def test_it_tells_how_far_it_is_and_ends_when_nobody_wants_it(process: SideProcess) -> None:
    counting = process.submit(_count, 100_000)
    waiting, last = process.submit(_count, 3), process.submit(_count, 4)
    first, later = _newest(process, counting), _newest(process, counting)
    assert 0 <= first.fraction < later.fraction < 1
    assert later.sentence == f"Number {round(later.fraction * 100_000)}."
    assert process.progress(waiting) is None
    process.stop(last)
    process.stop(counting)
    with pytest.raises(StoppedError):
        counting.result(PATIENCE)
    assert waiting.result(PATIENCE) == 3
    assert last.cancelled()


def test_two_that_wait_for_their_turn_are_both_taken_back(
    process: SideProcess, tmp_path: Path
) -> None:
    counting = process.submit(_count, 100_000)
    _newest(process, counting)
    waiting = [process.submit((tmp_path / name).touch) for name in ("first", "second")]
    last = process.submit(_who)
    deadline = time.monotonic() + PATIENCE
    while not all(work.running() for work in waiting):  # too late to cancel
        assert time.monotonic() < deadline
        time.sleep(0.02)
    for work in [*waiting, counting]:
        process.stop(work)
    last.result(PATIENCE)
    assert all(isinstance(work.exception(), StoppedError) for work in [counting, *waiting])
    assert not any(tmp_path.iterdir()), "nobody wants them"


def test_telling_elsewhere_does_nothing() -> None:
    tell(Progress("Nobody hears this.", 0.5))


def test_nobody_waits_while_it_works(process: SideProcess) -> None:
    process.submit(_who).result(PATIENCE)
    began = time.monotonic()
    squares = [process.submit(_sleep_and_square, number) for number in (3, 4)]
    assert time.monotonic() - began < 0.5 and not squares[1].done()
    assert [square.result(PATIENCE) for square in squares] == [9, 16]
    assert time.monotonic() - began >= 1.0


def test_what_it_raises_is_raised_here(process: SideProcess) -> None:
    with pytest.raises(BadInputError, match="too few herons"):
        process.submit(_refuse, "There are too few herons.").result(PATIENCE)
    assert process.submit(_sleep_and_square, 5).result(PATIENCE) == 25


def test_after_a_death_another_process_goes_on(process: SideProcess) -> None:
    before = process.submit(_who).result(PATIENCE)[0]
    with pytest.raises(BrokenProcessPool):
        process.submit(_die).result(PATIENCE)
    assert process.submit(_who).result(PATIENCE)[0] not in (before, os.getpid())


def test_closing_ends_it_whatever_it_does(process: SideProcess) -> None:
    pid = process.submit(_who).result(PATIENCE)[0]
    process.submit(time.sleep, 600)
    process.close()
    psutil.wait_procs([process for process in [_process(pid)] if process], timeout=PATIENCE)
    assert _process(pid) is None


def test_it_leaves_when_its_parent_is_killed() -> None:
    script = (
        "import os, time\n"
        "from explorer.worker.side_process import SideProcess\n"
        "if __name__ == '__main__':\n"
        "    process = SideProcess()\n"
        "    print(process.submit(os.getpid).result(), flush=True)\n"
        "    process.submit(time.sleep, 600).result()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=folders.PROJECT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert _process(pid) is not None
        parent.kill()
    deadline = time.monotonic() + PATIENCE
    while _process(pid) is not None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _process(pid) is None


def _process(pid: int) -> psutil.Process | None:
    """Return a process that lives; one whose end nobody has noted yet does not."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    except psutil.NoSuchProcess:
        return None
