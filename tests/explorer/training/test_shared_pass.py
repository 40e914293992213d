"""Trainings that share passes: each as it would be alone, whoever joins, leaves or fails."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from explorer.base.errors import BadInputError, ModelError
from explorer.model.frozen import FrozenModel
from explorer.runtime.interruption import Interrupted, listening
from explorer.specs.recipes import FAST, PAPER
from explorer.training import Row, Trainer
from explorer.training.layouts import TeacherForced
from explorer.training.shared_pass import Step, take_together
from tests.explorer.training.cases import EASY, HARD, quick

LONG = (7, 3, 250, 31, 5, 160, 99, 17, 44, 120, 8)
RECIPE = quick(max_steps=40, halve_at=8)
WARM = FAST.model_copy(update={"max_steps": 25, "warmup_steps": 3, "halve_at": 6})
Make = Callable[[], Trainer]


def step_together(trainings: Sequence[Trainer], detail: Sequence[Trainer] = ()) -> list[Any]:
    """Let each take a step, with the same passes; return its report, or why there is none."""
    steps = [Step(each, lambda each=each: each in detail) for each in trainings]  # type: ignore[misc]
    take_together(steps)
    return [step._said for step in steps]


def jobs(model: FrozenModel) -> dict[str, Make]:
    """Trainings as different as they can be, over one model."""
    shared = [Row(HARD, 0, m_key="m"), Row(LONG, 1, m_key="m"), Row(EASY, 2, m_key="m")]
    return {
        "restarts": lambda: Trainer(
            model, [Row(EASY, s) for s in range(4)], "halves", RECIPE, until="first"
        ),
        "long": lambda: Trainer(model, [Row(LONG, 0)], "e+mN", WARM),
        "shared m": lambda: Trainer(model, shared, "e+mN-1", quick(max_steps=30, flatten=0.5)),
        "frozen m": lambda: Trainer(
            model, [Row(HARD, 5), Row(LONG, 6)], "alternating", RECIPE, frozen=("m",)
        ),
        "paper": lambda: Trainer(
            model, [Row(HARD, 8)], "e", PAPER.model_copy(update={"max_steps": 12})
        ),
        "memory": lambda: Trainer(
            model, [Row(HARD, 0), Row(LONG, 1)], TeacherForced(2), RECIPE, until="first"
        ),
        "behind a sink": lambda: Trainer(model, [Row(EASY, 3)], TeacherForced(1, 7), RECIPE),
    }


def seen(trainer: Trainer) -> list[np.ndarray]:
    return [trainer.vectors_of(i) for i in range(len(trainer.rows))]


def alone(make: Make) -> tuple[Trainer, list[list[np.ndarray]]]:
    """Return a training at its end, and its vectors after every step."""
    trainer, vectors = make(), []
    while not trainer.finished:
        trainer.step()
        vectors.append(seen(trainer))
    return trainer, vectors


@pytest.mark.parametrize("kind", ["llama", "neox"])
def test_every_training_is_as_it_is_alone_whoever_joins_and_leaves(
    kind: str, request: pytest.FixtureRequest
) -> None:
    """They begin three steps apart, and end by themselves: halved, exact, out of steps."""
    model: FrozenModel = request.getfixturevalue(kind)
    waiting = jobs(model)
    expected = {name: alone(make) for name, make in waiting.items()}
    running: dict[str, Trainer] = {}
    ended: dict[str, Trainer] = {}
    steps: dict[str, int] = dict.fromkeys(waiting, 0)
    turn = 0
    while waiting or running:
        if waiting and turn % 3 == 0:
            name = next(iter(waiting))
            running[name] = waiting.pop(name)()
        turn += 1
        reports = step_together(list(running.values()))
        for (name, trainer), report in zip(list(running.items()), reports, strict=True):
            assert not isinstance(report, BadInputError)
            for mine, other in zip(seen(trainer), expected[name][1][steps[name]], strict=True):
                np.testing.assert_allclose(mine, other, rtol=2e-3, atol=2e-3, err_msg=name)
            steps[name] += 1
            if trainer.finished:
                ended[name] = running.pop(name)
    for name, trainer in ended.items():
        whole, vectors = expected[name]
        assert steps[name] == len(vectors)
        for i in range(len(trainer.rows)):
            one, two = trainer.outcome(i), whole.outcome(i)
            assert (one.steps, one.reason) == (two.steps, two.reason)
            assert one.score.accuracy == two.score.accuracy
    reasons = {ended["restarts"].outcome(i).reason for i in range(4)}
    assert None in reasons and any(reason and "halted" in reason for reason in reasons)


def test_all_rows_of_all_trainings_are_one_pass(llama: FrozenModel, call_log: list[int]) -> None:
    trainings = [make() for make in jobs(llama).values()]
    step_together(trainings)
    assert call_log == [sum(len(trainer.rows) for trainer in trainings)]


def test_search_and_last_steps_run_in_their_own_number_formats(
    llama: FrozenModel, fast_llama: FrozenModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is at its end while others search; both ends are exact in float32."""
    recipe = quick(max_steps=200, finish_margin=0.5, finish_lr=0.02)
    trainings = [
        Trainer(fast_llama, [Row(EASY, seed)], "halves", recipe, exact_model=lambda: llama)
        for seed in (2, 3)
    ]
    phases = set()
    while running := [t for t in trainings if not t.finished]:
        for report in step_together(running):
            assert not isinstance(report, BadInputError)
            phases.add(report.phase)
    assert ("finish",) in phases
    for trainer in trainings:
        found = trainer.outcome(0)
        assert found.score.exact and found.confirmed_in == "float32"
        assert found.score.margin >= 0.5


def test_each_sees_its_own_details(llama: FrozenModel) -> None:
    first, second = (Trainer(llama, [Row(HARD, s)], "e+mN", RECIPE) for s in (0, 1))
    lone = Trainer(llama, [Row(HARD, 0)], "e+mN", RECIPE).step(detail=True)
    one, other = step_together([first, second], detail=[first])
    assert not isinstance(one, BadInputError) and not isinstance(other, BadInputError)
    assert one.detailed and not other.detailed
    np.testing.assert_array_equal(one.predicted[0], lone.predicted[0])
    np.testing.assert_array_equal(one.rank[0], lone.rank[0])
    assert not other.p[0].any()


def test_time_is_shared_by_positions(llama: FrozenModel) -> None:
    few = Trainer(llama, [Row(EASY, 0)], "halves", RECIPE)
    many = Trainer(llama, [Row(LONG, s) for s in range(40)], "e+mN", RECIPE)
    for _ in range(5):
        step_together([few, many])
    assert 0 < few.spent < many.spent
    assert few.seconds(0) == pytest.approx(few.spent, rel=0.5)


def test_memory_that_runs_short_is_everybodys(
    llama: FrozenModel, call_log: list[int], memory_for: Callable[[int], None]
) -> None:
    make = jobs(llama)
    free = [make[name]() for name in ("long", "shared m", "frozen m")]
    step_together(free)
    call_log.clear()
    memory_for(2)
    tight = [make[name]() for name in ("long", "shared m", "frozen m")]
    step_together(tight)
    for one, two in zip(free, tight, strict=True):
        for mine, other in zip(seen(one), seen(two), strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-3)
    assert all(
        t.notices
        == [
            "Memory was short: 3 rows at a time from here.",
            "Memory was short: 1 rows at a time from here.",
        ]
        for t in tight[:1]
    )
    assert max(call_log) <= 2 and sum(call_log) == 6


def test_what_memory_taught_one_is_not_forgotten_in_company(
    llama: FrozenModel, memory_for: Callable[[int], None]
) -> None:
    """A pass of many short rows and few long ones says nothing of many long ones."""
    long = Trainer(llama, [Row(LONG, seed) for seed in range(8)], "e+mN", RECIPE)
    short = Trainer(llama, [Row(EASY, seed) for seed in range(20)], "halves", RECIPE)
    long.shrink(6)
    memory_for(12)
    step_together([long, short])
    assert long.rows_at_once == 3
    assert long.notices == ["Memory was short: 3 rows at a time from here."]
    assert short.rows_at_once < 20


def test_one_that_does_not_fit_stands_still_and_the_others_go_on(
    llama: FrozenModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from explorer.model import passes

    plain = passes.loss_and_gradient

    def tight(model: FrozenModel, batches: list[Any], **named: Any) -> Any:
        if any(batch.targets.shape[1] > 8 for batch in batches):
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return plain(model, batches, **named)

    monkeypatch.setattr(passes, "loss_and_gradient", tight)
    large = Trainer(llama, [Row(LONG, 0)], "e+mN", RECIPE)
    small = Trainer(llama, [Row(EASY, 0), Row(HARD, 1)], "halves", RECIPE)
    before, start = seen(large), seen(small)
    refused, report = step_together([large, small])
    assert isinstance(refused, BadInputError) and "does not fit into memory" in str(refused)
    assert not isinstance(report, BadInputError) and report.steps.tolist() == [1, 1]
    np.testing.assert_array_equal(seen(large)[0], before[0])
    assert not np.allclose(seen(small)[0], start[0])


def test_one_that_cannot_be_confirmed_says_so_and_the_others_go_on(llama: FrozenModel) -> None:
    def broken() -> FrozenModel:
        raise ModelError("The model cannot be loaded.")

    easy = quick(max_steps=200)
    failing = Trainer(llama, [Row(EASY, 2)], "halves", easy, exact_model=broken)
    sound = Trainer(llama, [Row(HARD, 1)], "halves", easy)
    for turn in range(1, 100):
        first, second = step_together([failing, sound])
        assert not isinstance(second, Exception) and second.steps.tolist() == [turn]
        if isinstance(first, Exception):
            break
    assert isinstance(first, ModelError)


def test_a_step_that_is_left_changes_nobody(llama: FrozenModel) -> None:
    trainings = [make() for make in jobs(llama).values()]
    before = [seen(trainer) for trainer in trainings]
    asked: list[int] = []

    def leave() -> bool:
        asked.append(1)
        return len(asked) == 4

    with listening(leave), pytest.raises(Interrupted):
        step_together(trainings)
    for trainer, was in zip(trainings, before, strict=True):
        for mine, other in zip(seen(trainer), was, strict=True):
            np.testing.assert_array_equal(mine, other)
        assert not trainer.report(detailed=False).steps.any()
