"""A step that is left in the middle: heard between layers, and nothing has changed."""

import json
from collections.abc import Callable

import numpy as np
import pytest

from explorer.model.frozen import FrozenModel
from explorer.runtime.interruption import Interrupted, abandonable, check, listening
from explorer.training import Row, Trainer
from explorer.training.layouts import TeacherForced
from tests.explorer.training.cases import EASY, HARD, quick

LAYERS = 2


def after(count: int) -> tuple[Callable[[], bool], list[int]]:
    """Give somebody who wants to leave when asked for the count-th time, and how often that was."""
    asked: list[int] = []

    def ask() -> bool:
        asked.append(1)
        return len(asked) == count

    return ask, asked


def pairs(model: FrozenModel) -> Trainer:
    rows = [Row(EASY, 2), Row(EASY, 3), Row(HARD, 0)]
    return Trainer(model, rows, "halves", quick(max_steps=40), until="first")


def memories(model: FrozenModel) -> Trainer:
    rows = [Row(EASY, 2), Row(HARD, 0)]
    return Trainer(model, rows, TeacherForced(2), quick(max_steps=40))


def frozen(engine: Trainer) -> tuple[dict[str, bytes], str]:
    tensors, values = engine.checkpoint()
    return {name: t.tobytes() for name, t in tensors.items()}, json.dumps(values)


@pytest.mark.parametrize("make", [pairs, memories])
@pytest.mark.parametrize("kind", ["llama", "neox", "gpt2"])
def test_a_step_hears_between_layers_and_changes_nothing(
    kind: str, make: Callable[[FrozenModel], Trainer], request: pytest.FixtureRequest
) -> None:
    model: FrozenModel = request.getfixturevalue(kind)
    whole, cut = make(model), make(model)
    for engine in (whole, cut):
        for _ in range(3):
            engine.step()
    ask, asked = after(10**9)
    with listening(ask):
        whole.step()
    assert len(asked) >= 2 * LAYERS  # there and back
    before = frozen(cut)
    for count in range(1, len(asked) + 1):
        ask, _ = after(count)
        with listening(ask), pytest.raises(Interrupted):
            cut.step()
        assert frozen(cut) == before
    cut.step()
    while not whole.finished:
        whole.step(), cut.step()
    assert cut.finished
    for i in range(len(whole.rows)):
        np.testing.assert_array_equal(whole.vectors_of(i), cut.vectors_of(i))
        assert whole.outcome(i).steps == cut.outcome(i).steps


def test_nothing_is_left_where_it_would_change_something(llama: FrozenModel) -> None:
    ask, asked = after(1)
    with listening(ask):
        llama.measure(llama.embed(np_ids()), np_ids())
        check()
        assert not asked
        with abandonable(), pytest.raises(Interrupted):
            check()
    check()


def np_ids():
    import torch

    return torch.tensor([list(HARD)])
