from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from explorer.base.errors import BadInputError
from explorer.model import passes
from explorer.model.frozen import FrozenModel
from explorer.specs.recipes import PAPER
from explorer.training import Row, Trainer
from tests.explorer.training.cases import EASY, HARD, QUICK, run, trajectory


class TestMemory:
    def test_batches_are_halved_when_memory_is_short(
        self, llama: FrozenModel, memory_for: Callable[[int], None]
    ) -> None:
        rows = [Row(HARD, seed) for seed in range(5)]
        free = trajectory(Trainer(llama, rows, "e+mN", PAPER), 4, 6)
        memory_for(2)
        ours = Trainer(llama, rows, "e+mN", PAPER)
        np.testing.assert_allclose(trajectory(ours, 4, 6), free, rtol=1e-4, atol=1e-4)
        assert ours.notices == ["Memory was short: 2 rows at a time from here."]

    def test_halving_goes_on_down_to_one_row(
        self, llama: FrozenModel, memory_for: Callable[[int], None]
    ) -> None:
        memory_for(1)
        ours = Trainer(llama, [Row(EASY, seed) for seed in range(4)], "halves", QUICK)
        run(ours)
        assert all(ours.outcome(i).score.exact for i in range(4))
        assert ours.notices == [
            "Memory was short: 2 rows at a time from here.",
            "Memory was short: 1 rows at a time from here.",
        ]

    def test_a_row_that_does_not_fit_alone_is_said(
        self, llama: FrozenModel, memory_for: Callable[[int], None]
    ) -> None:
        memory_for(0)
        ours = Trainer(llama, [Row(EASY, 0), Row(EASY, 1)], "halves", QUICK)
        with pytest.raises(BadInputError, match="does not fit into memory"):
            ours.step()

    def test_other_errors_are_not_hidden(
        self, llama: FrozenModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*args: Any, **kwargs: Any) -> None:
            raise RuntimeError("shapes cannot be multiplied")

        monkeypatch.setattr(passes, "loss_and_gradient", broken)
        with pytest.raises(RuntimeError, match="multiplied"):
            Trainer(llama, [Row(EASY, 0)], "halves", QUICK).step()
