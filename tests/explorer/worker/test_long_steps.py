"""Stop and Pause while one optimiser step takes far longer than a person waits."""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from explorer.jobs import client
from explorer.solutions.solution import load_solution
from tests.explorer.worker.cases import solutions_of

if TYPE_CHECKING:
    from tests.explorer.worker.conftest import MakeSpec, Shift

NORM_SECONDS = 0.2
"""Of four norms before the layers' ends and one after: a step of eight rows takes some 13 s."""


class Slow:
    """Lets every layer take long, one row after the other, while it is on."""

    on = False


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    from explorer.model.norms import Norm
    from explorer.training import memory

    switch, plain = Slow(), Norm.forward

    def slowly(self: Norm, *given: Any) -> Any:
        time.sleep(NORM_SECONDS * switch.on)
        return plain(self, *given)

    monkeypatch.setattr(Norm, "forward", slowly)
    monkeypatch.setattr(memory, "POSITIONS", 1)
    return switch


def heard_after(shift: "Shift", wish: str, job: str) -> float:
    """Ask for something in the middle of a step; return the seconds until the step was left."""
    asked: list[float] = []

    def ask() -> None:
        client.ask(job, wish)
        asked.append(time.monotonic())

    timer = threading.Timer(0.5, ask)
    timer.start()
    while not asked:
        shift.turns(1)
    timer.join()
    return time.monotonic() - asked[0]


def test_a_worker_that_is_to_end_leaves_a_step_in_the_middle(
    hire: Callable[[], "Shift"], long: "MakeSpec", steps_of: Callable[[str], int], slow: Slow
) -> None:
    shift, other = hire(), client.submit(long(seed=5))
    job = client.submit(long(restarts=8, length=8))
    shift.until(lambda: steps_of(job) >= 3 and steps_of(other) >= 3)
    steps, slow.on = steps_of(job), True
    began = time.monotonic()
    threading.Timer(0.5, shift.worker.leave).start()
    while shift.worker.stays:
        shift.turns(1)
    shift.worker._put_down()
    assert time.monotonic() - began < 2.5
    slow.on = False
    assert [client.get(k).state for k in (job, other)] == ["queued", "queued"]
    hire().until(lambda: steps_of(job) > steps)


@pytest.mark.parametrize("wish", ["stop", "pause"])
def test_a_wish_is_heard_in_the_middle_of_a_step(
    wish: str, shift: "Shift", long: "MakeSpec", steps_of: Callable[[str], int], slow: Slow
) -> None:
    recipe = long().recipe.model_copy(update={"max_steps": 12})
    spec = long(restarts=8, recipe=recipe, length=8)
    (whole,) = shift.finish(client.submit(spec))
    job = client.submit(spec)
    shift.until(lambda: steps_of(job) >= 3)
    steps, slow.on = steps_of(job), True
    assert heard_after(shift, wish, job) < 2.5
    slow.on = False
    assert steps_of(job) == steps
    if wish == "pause":
        shift.until(lambda: client.get(job).state == "paused")
        client.ask(job, "run")
    (ended,) = shift.finish(job)
    found = [load_solution(path) for path in solutions_of(job)]
    if wish == "stop":
        assert ended.state == "stopped" and {s.record.steps for s in found} == {steps}
        return
    assert ended.state == "done" and {s.record.steps for s in found} == {12}
    for a, b in zip(map(load_solution, solutions_of(whole.id)), found, strict=True):
        np.testing.assert_array_equal(a.e, b.e)
        np.testing.assert_array_equal(a.m, b.m)
