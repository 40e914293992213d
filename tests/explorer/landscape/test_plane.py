import numpy as np
import pytest

from explorer.base.errors import BadInputError
from explorer.landscape.plane import COARSEST, Plane, axes_around


def _three(seed: int, size: int = 60) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(3, size)) * 5 + 2


@pytest.mark.parametrize("seed", range(5))
def test_axes_are_orthonormal_and_the_plane_contains_all_three_points(seed: int) -> None:
    a, control, b = points = _three(seed)
    plane = Plane.through(a, b, control)
    axes = np.stack([plane.along, plane.across])
    np.testing.assert_allclose(axes @ axes.T, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(plane.points(plane.coordinates(points)), points, atol=1e-11)


def test_distances_in_the_plane_are_distances_in_the_space() -> None:
    a, control, b = _three(7)
    plane = Plane.through(a, b, control)
    at = plane.coordinates(np.stack([a, b, control]))
    np.testing.assert_allclose(at[0], 0, atol=1e-12)
    np.testing.assert_allclose(at[1], [np.linalg.norm(b - a), 0], atol=1e-11)
    assert at[2, 1] > 0
    draw = np.random.default_rng(0).normal(size=(9, 2)) * 4
    there = plane.points(draw)
    for i in range(8):
        assert np.linalg.norm(there[i] - there[i + 1]) == pytest.approx(
            np.linalg.norm(draw[i] - draw[i + 1])
        )


def test_a_control_point_that_hardly_leaves_the_chord_still_gives_orthonormal_axes() -> None:
    a, away, b = _three(3)
    plane = Plane.through(a, b, (a + b) / 2 + 1e-4 * away)
    assert abs(plane.along @ plane.across) < 1e-12


def test_three_points_on_a_line_have_no_plane() -> None:
    a, _, b = _three(1)
    with pytest.raises(BadInputError, match="on the chord"):
        Plane.through(a, b, (a + b) / 2)
    with pytest.raises(BadInputError, match="same point"):
        Plane.through(a, a, b)


@pytest.mark.parametrize("level", [3, 4, 6])
@pytest.mark.parametrize("top", [0.3, 0.9, 2.0])
@pytest.mark.parametrize("reach", [0.5, -0.3, 1.4])
def test_both_solutions_are_on_every_grid_and_the_curve_inside(
    level: int, top: float, reach: float
) -> None:
    marks = np.array([[0, 0], [13.09, 0], [13.09 * reach, 13.09 * top]])
    x, y = axes_around(marks, level)
    assert len(x) == len(y) == 2**level + 1
    stride = 2 ** (level - COARSEST)
    for wanted in (0.0, 13.09):
        assert np.abs(x[::stride] - wanted).min() < 1e-12 * 13
    assert np.abs(y[::stride]).min() == 0
    assert x[0] < 0 and x[-1] > 13.09 and y[0] < 0
    assert x[0] <= marks[2, 0] <= x[-1] and marks[2, 1] <= y[-1]
    np.testing.assert_allclose(np.diff(x), np.diff(y)[0])
