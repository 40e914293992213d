"""Finishing curves: the move is the smallest, its slopes are those of autograd, and it helps."""

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from explorer.paths.curves import CurveKind, positions
from explorer.paths.pairs import vector
from explorer.specs.curves import PathRecipe
from explorer.tasks.paths import finishing
from explorer.tasks.paths.bends import REACH, CurveTrainer, along
from explorer.tasks.paths.finishing import MISSED, NEAR, Finish, smallest_move
from explorer.training.layouts import OnePass
from tests.explorer.tasks.paths.test_bends import step_together
from tests.steps import outcome

if TYPE_CHECKING:
    from explorer.model.frozen import FrozenModel
    from explorer.solutions.solution import Solution

RECIPE = PathRecipe(max_steps=40, samples=2, points=9, precision="float32", lr=0.1)


@pytest.fixture(params=["bezier", "two-bends"])
def curve(
    request: pytest.FixtureRequest, llama: "FrozenModel", exact_solutions: "list[Solution]"
) -> CurveTrainer:
    """Train a curve for a while, so that some of its tokens are wrong."""
    a, b = exact_solutions[:2]
    kind: CurveKind = request.param
    ends = np.stack([vector(a), vector(b)])
    ids = a.target_ids.tolist()
    found = CurveTrainer(kind, ends, ids, RECIPE, unit=llama.embedding_std, device=llama.device)
    for _ in range(RECIPE.max_steps):
        step_together(llama, "e+mN", [found])
    return found


def _finish(model: "FrozenModel", curve: CurveTrainer) -> Finish:
    return Finish(model, OnePass("e+mN"), len(curve.targets))


@pytest.mark.parametrize("seed", range(5))
def test_the_move_is_the_smallest_that_gives_what_is_lacking(seed: int) -> None:
    draw = np.random.default_rng(seed)
    slopes, lacking = draw.normal(size=(6, 9)), draw.normal(size=6)

    def cost(x: np.ndarray) -> float:
        missed = np.maximum(0, lacking - slopes @ x)
        return float(x @ x / 2 + MISSED / 2 * missed @ missed)

    found = smallest_move(slopes, lacking)
    best = minimize(cost, np.zeros(9), tol=1e-12)
    assert cost(found) <= best.fun * (1 + 1e-6)
    np.testing.assert_allclose(found, best.x, atol=1e-4)


def test_what_lacks_nothing_asks_for_no_move() -> None:
    slopes = np.array([[1.0, 0.0], [0.0, 2.0]])
    found = smallest_move(slopes, np.array([-0.5, 1.0]))
    np.testing.assert_allclose(found, [0, 2 * MISSED / (1 + 4 * MISSED)], atol=1e-9)


def test_slopes_are_those_of_the_log_odds(llama: "FrozenModel", curve: CurveTrainer) -> None:
    """A move of a thousandth changes each token's log odds as its slope says."""
    finish = _finish(llama, curve)
    asked: list[tuple[np.ndarray, np.ndarray]] = []

    def noted(slopes: np.ndarray, lacking: np.ndarray) -> np.ndarray:
        asked.append((slopes, lacking))
        return smallest_move(slopes, lacking)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finishing, "smallest_move", noted)
        now = finish._measure(curve, curve.bends)
        move = outcome(finish._move(curve, now))
    ((slopes, lacking),) = asked
    places, n = finishing.asked_for(now.odds)
    assert len(n) == (now.odds < NEAR).sum()
    np.testing.assert_allclose(-lacking, now.odds[places, n])
    small = 1e-3 * move / np.linalg.norm(move)
    there = finish._measure(curve, (curve.bends + small * curve.unit).astype(np.float32))
    changed = (there.odds - now.odds)[places, n]
    np.testing.assert_allclose(changed, slopes @ small.ravel(), rtol=0.05, atol=2e-5)


def test_steps_make_every_token_right_and_leave_the_ends(
    llama: "FrozenModel", curve: CurveTrainer
) -> None:
    finish, ends, lacks = _finish(llama, curve), curve.points[[0, -1]], []
    while True:
        lacks.append(finish._measured(curve).lack)
        if not outcome(finish.step(curve)):
            break
    assert lacks[0] > 0 and lacks == sorted(lacks, reverse=True)
    assert len(set(lacks)) == len(lacks) == curve.steps - RECIPE.max_steps
    t = np.linspace(0, 1, 17)  # the grid's nine points, and halfway between them
    points = positions(curve.kind, curve.points, t)
    assert along(llama, points, curve.targets, "e+mN").correct.all()
    assert np.array_equal(curve.points[[0, -1]], ends)
    before = curve.state()
    assert not outcome(finish.step(curve))  # nothing is left
    assert all(np.array_equal(before[name], value) for name, value in curve.state().items())


def test_a_step_is_no_longer_than_its_reach_which_widens_while_steps_help(
    llama: "FrozenModel", curve: CurveTrainer
) -> None:
    finish = _finish(llama, curve)
    curve.reach = 1e-3
    before = curve.bends
    assert outcome(finish.step(curve))
    moved = np.linalg.norm(curve.bends - before) / curve.unit
    assert moved == pytest.approx(1e-3, rel=0.01)
    assert curve.reach == pytest.approx(1.5e-3)


def test_a_step_that_promises_too_much_is_shortened_and_given_up_if_nothing_helps(
    llama: "FrozenModel", curve: CurveTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, before = _finish(llama, curve), curve.state()
    now = finish._measured(curve)
    tried: list[float] = []

    def measure(curve: CurveTrainer, bends: np.ndarray) -> object:
        tried.append(float(np.linalg.norm(bends - curve.bends) / curve.unit))
        return now if len(tried) < most else real(curve, bends)

    real, most = finish._measure, 99
    finish._last = curve, curve.steps, now
    monkeypatch.setattr(finish, "_measure", measure)
    assert not outcome(finish.step(curve))
    assert len(tried) == finishing.TRIES
    np.testing.assert_allclose(np.array(tried[1:]) / tried[:-1], 1 / 3, rtol=0.01)
    assert all(np.array_equal(before[name], value) for name, value in curve.state().items())
    tried.clear()
    most = 3
    outcome(finish.step(curve))
    assert curve.steps == RECIPE.max_steps + 1
    assert curve.reach == pytest.approx(tried[-1], rel=0.01) and curve.reach < REACH


def test_the_worst_of_each_stretch_is_asked_for_first(monkeypatch: pytest.MonkeyPatch) -> None:
    odds = np.array([[-3.0, 9.0], [-5.0, 9.0], [-4.9, -1.0], [0.5, 0.7], [-2.0, 0.9], [9.0, -0.5]])
    monkeypatch.setattr(finishing, "MOST_TOKENS", 5)
    place, n = finishing.asked_for(odds)
    stretches = [(1, 0), (4, 0), (2, 1), (5, 1)]
    assert list(zip(place, n, strict=True)) == [*stretches, (2, 0)]
    monkeypatch.setattr(finishing, "MOST_TOKENS", 99)
    place, n = finishing.asked_for(odds)
    assert sorted(zip(place, n, strict=True)) == sorted(zip(*np.nonzero(odds < 0.8), strict=True))


def test_a_step_asks_for_no_more_tokens_than_it_may(
    llama: "FrozenModel", curve: CurveTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, asked = _finish(llama, curve), []
    monkeypatch.setattr(finishing, "MOST_TOKENS", 3)
    monkeypatch.setattr(
        finishing, "smallest_move", lambda s, b: (asked.append(b), smallest_move(s, b))[1]
    )
    now = finish._measured(curve)
    outcome(finish.step(curve))
    assert asked[0].tolist() == (-now.odds[finishing.asked_for(now.odds)]).tolist()
    assert len(asked[0]) == 3


def test_others_have_their_turn_within_a_step_and_nothing_has_changed_till_its_end(
    llama: "FrozenModel", curve: CurveTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finishing, "ROWS_AT_ONCE", 8)
    finish, before = _finish(llama, curve), curve.state()
    turns, steps = 0, finish.step(curve)
    with pytest.raises(StopIteration):
        while True:
            next(steps)
            turns += 1
            assert all(np.array_equal(before[k], value) for k, value in curve.state().items())
    assert turns > 4 and curve.steps == RECIPE.max_steps + 1


def test_rows_that_do_not_fit_come_again_fewer_at_a_time(
    llama: "FrozenModel", curve: CurveTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from explorer.model import passes

    finish, real, sizes = _finish(llama, curve), passes.loss_and_gradient, []

    def small(model: object, batches: list[passes.Batch], **how: bool) -> object:
        rows = sum(len(batch.targets) for batch in batches)
        if rows > 2:
            raise torch.OutOfMemoryError("out of memory")
        sizes.append(rows)
        return real(model, batches, **how)  # type: ignore[arg-type]

    now = finish._measured(curve)
    expected = outcome(finish._move(curve, now))
    monkeypatch.setattr(passes, "loss_and_gradient", small)
    np.testing.assert_allclose(outcome(finish._move(curve, now)), expected, atol=1e-4)
    assert sizes and finish.rows_at_once <= 2
