from collections.abc import Callable

import numpy as np

from explorer.model.frozen import FrozenModel
from explorer.training import Row, Trainer
from explorer.training.layouts import OnePass
from tests.explorer.training.cases import EASY, HARD, QUICK, follow_plain_adamw, quick, run


class TestShared:
    def test_one_m_learns_from_the_sum_of_its_rows_losses(self, llama: FrozenModel) -> None:
        follow_plain_adamw(llama, 10, OnePass("e+mN"))

    def test_a_group_ends_as_one(self, llama: FrozenModel) -> None:
        rows = [Row(EASY, 2, m_key="both"), Row((33, 99), 1, m_key="both"), Row(EASY, 2)]
        ours = Trainer(llama, rows, "halves", quick(finish_margin=0.3))
        reports = run(ours)
        for report in reports:
            assert report.phase[0] == report.phase[1]
            assert report.steps[0] == report.steps[1]
        found = [ours.outcome(i) for i in range(3)]
        assert all(o.score.exact for o in found)
        np.testing.assert_array_equal(found[0].m, found[1].m)
        assert not np.allclose(found[0].e, found[1].e)
        assert not np.allclose(found[0].m, found[2].m)
        assert found[2].steps != found[0].steps

    def test_a_group_that_cannot_be_exact_ends_as_one(self, llama: FrozenModel) -> None:
        rows = [Row(EASY, 2, m_key="both"), Row(HARD, 1, m_key="both")]
        ours = Trainer(llama, rows, "halves", quick(max_steps=20))
        run(ours)
        assert [ours.outcome(i).steps for i in range(2)] == [20, 20]
        np.testing.assert_array_equal(ours.outcome(0).m, ours.outcome(1).m)

    def test_sharing_connects_rows_in_chains(self, llama: FrozenModel) -> None:
        rows = [
            Row((1, 2), 0, m_key="a"),
            Row((3, 4), 1),
            Row((5, 6), 2, m_key="a", e_key="b"),
            Row((7, 8), 3, e_key="b"),
        ]
        ours = Trainer(llama, rows, "e+mN", QUICK)
        ours.step()
        pairs = [ours.vectors_of(i) for i in range(4)]
        np.testing.assert_array_equal(pairs[0][1], pairs[2][1])
        np.testing.assert_array_equal(pairs[2][0], pairs[3][0])
        assert not np.allclose(pairs[1], pairs[0])
        _, values = ours.checkpoint()
        assert sorted(group["rows"] for group in values["groups"]) == [[0, 2, 3], [1]]

    def test_a_key_is_never_mistaken_for_a_rows_own_vector(self, llama: FrozenModel) -> None:
        ours = Trainer(llama, [Row(HARD, 0), Row(HARD, 1, e_key="row 0")], "e+mN", QUICK)
        assert not np.allclose(ours.vectors_of(0)[0], ours.vectors_of(1)[0])

    def test_a_row_in_a_group_that_diverges_ends_the_group(
        self, llama: FrozenModel, poison: Callable[[tuple[int, ...], int], None]
    ) -> None:
        poison(HARD, 3)
        rows = [Row(HARD, 0, m_key="both"), Row(HARD[::-1], 1, m_key="both"), Row(EASY, 2)]
        ours = Trainer(llama, rows, "e+mN", QUICK)
        report = run(ours, 6)[-1]
        assert report.phase == ("done", "done", "search")
        for i in range(2):
            assert np.isfinite(ours.outcome(i).m).all()


def test_a_frozen_m_stays_where_it_starts_and_rows_stay_independent(llama: FrozenModel) -> None:
    """Every e learns with a given m; a row's path does not depend on the rows beside it."""
    rows = [Row(EASY, seed) for seed in range(3)]
    fresh = Trainer(llama, rows, "halves", QUICK)
    m = np.full(llama.d_model, 0.3, dtype=np.float32)
    starts = {i: (fresh.vectors_of(i)[0], m) for i in range(3)}
    together = Trainer(llama, rows, "halves", QUICK, starts=starts, frozen=("m",))
    alone = Trainer(llama, rows[1:2], "halves", QUICK, starts={0: starts[1]}, frozen=("m",))
    for _ in range(10):
        together.step()
        alone.step()
    for i in range(3):
        e, kept = together.vectors_of(i)
        assert (kept == m).all()
        assert not np.allclose(e, starts[i][0])
    np.testing.assert_allclose(together.vectors_of(1), alone.vectors_of(0), atol=1e-4)
    run(together)
    assert all((together.outcome(i).m == m).all() for i in range(3))
