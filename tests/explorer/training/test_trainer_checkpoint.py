import json
from collections.abc import Callable

import numpy as np
import pytest

from explorer.model.frozen import FrozenModel
from explorer.training import Row, Trainer
from tests.explorer.training.cases import EASY, HARD, QUICK, quick, run


class TestCheckpoint:
    @pytest.mark.parametrize("at", [1, 12, 22])
    def test_going_on_is_as_if_never_interrupted(self, llama: FrozenModel, at: int) -> None:
        rows = [
            Row(EASY, 2),
            Row(EASY, 3, m_key="both"),
            Row((33, 99), 1, m_key="both"),
            Row(HARD, 0),
        ]
        recipe = quick(max_steps=35)
        whole = Trainer(llama, rows, "halves", recipe)
        run(whole, at)
        tensors, values = whole.checkpoint()
        frozen = {name: tensor.copy() for name, tensor in tensors.items()}
        text = json.dumps(values)
        resumed = Trainer(llama, rows, "halves", recipe)
        resumed.restore(tensors, json.loads(text))
        while not whole.finished:
            a, b = whole.step(detail=True), resumed.step(detail=True)
            assert a.phase == b.phase and a.reason == b.reason
            np.testing.assert_array_equal(a.steps, b.steps)
            np.testing.assert_array_equal(a.loss, b.loss)
            for i in range(4):
                np.testing.assert_array_equal(whole.vectors_of(i), resumed.vectors_of(i))
                np.testing.assert_array_equal(a.predicted[i], b.predicted[i])
        assert resumed.finished
        for i in range(4):
            one, two = whole.outcome(i), resumed.outcome(i)
            np.testing.assert_array_equal(one.e, two.e)
            np.testing.assert_array_equal(one.m, two.m)
            assert (one.steps, one.reason, one.score.loss) == (
                two.steps,
                two.reason,
                two.score.loss,
            )
        for name, tensor in frozen.items():
            np.testing.assert_array_equal(tensors[name], tensor)  # training went on elsewhere

    def test_rows_that_were_over_stay_over(self, llama: FrozenModel) -> None:
        rows = [Row(EASY, 2), Row(HARD, 0)]
        first = Trainer(llama, rows, "halves", quick(max_steps=25))
        run(first)
        resumed = Trainer(llama, rows, "halves", quick(max_steps=25))
        resumed.restore(*first.checkpoint())
        assert resumed.finished
        before, after = first.report(detailed=True), resumed.report(detailed=True)
        assert before.phase == after.phase and before.reason == after.reason
        for i in range(2):
            np.testing.assert_array_equal(before.predicted[i], after.predicted[i])
            assert resumed.seconds(i) == first.seconds(i)

    def test_best_vectors_survive(self, llama: FrozenModel) -> None:
        recipe = quick(lr=3)
        first = Trainer(llama, [Row(HARD, 1)], "e+mN", recipe)
        run(first, 30)
        expected = first.outcome(0)
        resumed = Trainer(llama, [Row(HARD, 1)], "e+mN", recipe)
        resumed.restore(*first.checkpoint())
        resumed.stop("stopped by hand")
        np.testing.assert_array_equal(resumed.outcome(0).e, expected.e)
        assert resumed.outcome(0).score.loss == expected.score.loss

    def test_a_checkpoint_of_another_run_changes_nothing(self, llama: FrozenModel) -> None:
        foreign = Trainer(llama, [Row(HARD, 1), Row(HARD, 2)], "e+mN", QUICK)
        run(foreign, 3)
        ours = Trainer(llama, [Row(HARD, 1), Row(HARD, 2), Row(HARD, 3)], "e+mN", QUICK)
        before = [ours.vectors_of(i).copy() for i in range(3)]
        with pytest.raises((KeyError, ValueError)):
            ours.restore(*foreign.checkpoint())
        for i in range(3):
            np.testing.assert_array_equal(ours.vectors_of(i), before[i])

    def test_a_checkpoint_that_lacks_a_tensor_changes_nothing(self, llama: FrozenModel) -> None:
        first = Trainer(llama, [Row(HARD, 1)], "e+mN", QUICK)
        run(first, 3)
        tensors, values = first.checkpoint()
        del tensors["count"]
        ours = Trainer(llama, [Row(HARD, 1)], "e+mN", QUICK)
        before = ours.vectors_of(0).copy()
        with pytest.raises(KeyError):
            ours.restore(tensors, values)
        np.testing.assert_array_equal(ours.vectors_of(0), before)


class TestNotices:
    def test_what_memory_taught_survives_a_checkpoint(
        self, llama: FrozenModel, memory_for: Callable[[int], None]
    ) -> None:
        rows = [Row(HARD, seed) for seed in range(5)]
        memory_for(2)
        first = Trainer(llama, rows, "e+mN", QUICK)
        run(first, 2)
        tensors, values = first.checkpoint()
        resumed = Trainer(llama, rows, "e+mN", QUICK)
        resumed.restore(tensors, json.loads(json.dumps(values)))
        assert resumed.notices == ["Memory was short: 2 rows at a time from here."]
        run(resumed, 1)
        assert len(resumed.notices) == 1  # it does not try five rows again
        resumed.notices.append("later")
        assert first.notices == values["notices"] == resumed.notices[:1]

    def test_a_checkpoint_without_notices_is_read(self, llama: FrozenModel) -> None:
        first = Trainer(llama, [Row(HARD, 1)], "e+mN", QUICK)
        run(first, 2)
        tensors, values = first.checkpoint()
        del values["notices"], values["rows_at_once"]
        resumed = Trainer(llama, [Row(HARD, 1)], "e+mN", QUICK)
        resumed.restore(tensors, values)
        assert resumed.notices == [] and resumed.report(detailed=False).steps.tolist() == [2]
