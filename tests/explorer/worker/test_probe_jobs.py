"""A model that nobody knows yet is probed once for everybody, in turns, and can be left."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from explorer.assets import catalog, first_position
from explorer.jobs import client
from explorer.training import probing
from explorer.worker import loop

if TYPE_CHECKING:
    from tests.explorer.worker.conftest import MakeSpec, Shift

SENTENCE = "Finding out once what suits this model: "
StepsOf = Callable[[str], int]


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_position, "_known", {})
    monkeypatch.setattr(loop, "SLICE_SECONDS", 0.0001)  # a step of each in a turn


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[probing.Probing]:
    """The probes that took a step."""
    seen: list[probing.Probing] = []
    real = probing.Probing.step

    def step(self: probing.Probing) -> None:
        if self not in seen:
            seen.append(self)
        real(self)

    monkeypatch.setattr(probing.Probing, "step", step)
    return seen


def _probes(job_id: str) -> bool:
    """Whether a job says that it probes its model; nothing of its training is done by then."""
    job = client.get(job_id)
    return job.sentence.startswith(SENTENCE) and job.fraction == 0


def _two_who_probe(
    shift: "Shift", quick: "MakeSpec", begun: list[probing.Probing]
) -> tuple[str, str]:
    """Start two jobs of a new model; return them once both say that it is probed."""
    first, second = (client.submit(quick(arrangement="auto", seed=seed)) for seed in range(2))
    shift.until(lambda: _probes(first) and _probes(second) and bool(begun))
    return first, second


def test_thirty_who_begin_with_a_new_model_take_the_steps_of_one_probe(
    shift: "Shift", quick: "MakeSpec", begun: list[probing.Probing], monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [client.submit(quick(arrangement="auto", seed=seed)) for seed in range(4)]
    monkeypatch.setattr("explorer.worker.context.SAY_SECONDS", 0.0)
    shift.until(lambda: all(map(_probes, ids)))
    assert {job.state for job in shift.finish(*ids)} == {"done"} and len(begun) == 1
    found = first_position.find(catalog.find(quick().model).fingerprint)
    assert found is not None and found == begun[0].found
    begun.clear()
    shift.finish(client.submit(quick(arrangement="auto", seed=9)))
    assert not begun


def test_who_stops_while_the_model_is_probed_is_heard_at_once(
    shift: "Shift", quick: "MakeSpec", begun: list[probing.Probing]
) -> None:
    leaves, stays = _two_who_probe(shift, quick, begun)
    client.ask(leaves, "stop")
    shift.until(lambda: client.get(leaves).over)
    (left,) = shift.finish(leaves)
    assert (left.state, left.sentence, left.error) == (
        "stopped",
        "Stopped before training began.",
        None,
    )
    assert begun[0].found is None
    assert shift.finish(stays)[0].state == "done" and len(begun) == 1


def test_who_pauses_while_the_model_is_probed_holds_up_nobody(
    shift: "Shift", quick: "MakeSpec", begun: list[probing.Probing]
) -> None:
    rests, goes_on = _two_who_probe(shift, quick, begun)
    client.ask(rests, "pause")
    assert shift.finish(goes_on)[0].state == "done" and len(begun) == 1
    client.ask(rests, "run")
    assert shift.finish(rests)[0].state == "done" and len(begun) == 1


def test_others_train_while_a_model_is_probed(
    shift: "Shift", quick: "MakeSpec", long: "MakeSpec", steps_of: StepsOf
) -> None:
    trains = client.submit(long())
    shift.until(lambda: steps_of(trains) > 0)
    new = client.submit(quick(arrangement="auto"))
    shift.until(lambda: _probes(new))
    before = steps_of(trains)
    shift.turns(5)
    assert _probes(new) and steps_of(trains) > before


def test_what_names_its_arrangement_needs_no_probe(
    shift: "Shift", quick: "MakeSpec", begun: list[probing.Probing]
) -> None:
    shift.finish(client.submit(quick(arrangement="sink+mixed")))  # this model has a BOS
    assert not begun


def test_a_probe_that_fails_begins_anew(
    shift: "Shift", quick: "MakeSpec", begun: list[probing.Probing], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = probing.Trainer.step, [MemoryError("no room")]

    def step(self: probing.Trainer) -> object:
        if failures:
            raise failures.pop()
        return real(self)

    ids = [client.submit(quick(arrangement="auto", seed=seed)) for seed in range(2)]
    shift.until(lambda: all(map(_probes, ids)))
    monkeypatch.setattr(probing.Trainer, "step", step)
    jobs = shift.finish(*ids)
    assert sorted(job.state for job in jobs) == ["done", "failed"]
    assert begun[0].found is not None
