from typing import get_args

import numpy as np
import pytest

from explorer.paths.curves import (
    BENDS,
    CurveKind,
    arc_lengths,
    bends_on_chord,
    mean_along,
    positions,
    weights,
)

KINDS: tuple[CurveKind, ...] = get_args(CurveKind)


def _points(kind: CurveKind, seed: int = 0, size: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(2 + BENDS[kind], size))


@pytest.mark.parametrize("kind", KINDS)
def test_a_curve_begins_and_ends_at_its_solutions(kind: CurveKind) -> None:
    points = _points(kind)
    at = positions(kind, points, np.array([0.0, 1.0]))
    assert np.array_equal(at, points[[0, -1]])


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_a_partition_of_one(kind: CurveKind) -> None:
    w = weights(kind, np.linspace(0, 1, 101))
    assert (w >= 0).all()
    np.testing.assert_allclose(w.sum(axis=1), 1, atol=1e-14)


def test_the_quadratic_is_equation_3() -> None:
    p1, pi, p2 = _points("bezier")
    for t in (0.0, 0.13, 0.5, 0.9):
        expected = (1 - t) ** 2 * p1 + 2 * t * (1 - t) * pi + t**2 * p2
        np.testing.assert_allclose(
            positions("bezier", np.stack([p1, pi, p2]), np.array([t]))[0], expected, atol=1e-14
        )


def test_two_bends_pass_through_their_bends_and_go_straight_between() -> None:
    points = _points("two-bends")
    at = positions("two-bends", points, np.array([1 / 3, 0.5, 2 / 3]))
    np.testing.assert_allclose(at[[0, 2]], points[1:3], atol=1e-12)
    np.testing.assert_allclose(at[1], points[1:3].mean(axis=0), atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_with_its_bends_on_the_chord_a_curve_is_the_straight_line(kind: CurveKind) -> None:
    a, b = _points("line")
    points = np.stack([a, *bends_on_chord(kind, a, b), b])
    t = np.linspace(0, 1, 37)
    np.testing.assert_allclose(
        positions(kind, points, t), positions("line", points[[0, -1]], t), atol=1e-13
    )
    np.testing.assert_allclose(arc_lengths(kind, points, t), t * np.linalg.norm(b - a), atol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_lengths_agree_with_a_fine_polyline(kind: CurveKind, seed: int) -> None:
    points = _points(kind, seed)
    fine = positions(kind, points, np.linspace(0, 1, 30_001))
    walked = np.linalg.norm(np.diff(fine, axis=0), axis=1)
    t = np.array([0, 0.25, 0.4, 1.0])
    expected = [walked[: round(30_000 * s)].sum() for s in t]
    np.testing.assert_allclose(arc_lengths(kind, points, t), expected, rtol=1e-7)


def test_a_curve_that_turns_back_on_itself_has_its_whole_length() -> None:
    """Speed falls to zero inside: from 0 out to 1/3 at t = 1/3 ... and back past the start."""
    points = np.array([[0.0], [1.0], [-1.0]])
    t = np.linspace(0, 1, 400_001)
    x = 2 * t * (1 - t) - t**2
    assert arc_lengths("bezier", points, np.ones(1))[0] == pytest.approx(
        np.abs(np.diff(x)).sum(), rel=1e-9
    )


def test_no_curve_is_shorter_than_its_chord() -> None:
    for kind in KINDS:
        for seed in range(20):
            points = _points(kind, seed, 3)
            chord = np.linalg.norm(points[-1] - points[0])
            assert arc_lengths(kind, points, np.ones(1))[0] >= (1 - 1e-12) * chord


def test_the_mean_along_weighs_by_length_and_not_by_t() -> None:
    """Two thirds of t cover a tenth of the length; a value that is 1 only there averages to .1."""
    points = np.array([[0.0], [0.05], [0.1], [1.0]])
    t = np.linspace(0, 1, 3001)
    values = (t < 2 / 3).astype(float)
    assert mean_along("two-bends", points, t, values) == pytest.approx(0.1, abs=1e-3)
    both = mean_along("two-bends", points, t, np.stack([values, 1 - values]))
    np.testing.assert_allclose(both.sum(), 1)


def test_the_mean_of_a_line_is_the_trapezoid_over_t() -> None:
    a_to_b = _points("line")
    t = np.linspace(0, 1, 61)
    values = np.sin(7 * t)
    assert mean_along("line", a_to_b, t, values) == pytest.approx(np.trapezoid(values, t))
