"""What a measured plane knows of the path that is drawn on it."""

from types import SimpleNamespace

import numpy as np
import pytest

from explorer.landscape.plane import Plane
from explorer.landscape.result import Landscape


def test_a_second_bend_lies_beside_the_plane_through_the_first() -> None:
    points = np.array([[0, 0, 0, 0], [1, 2, 0, 0], [2, 0, 2, 0], [3, 0, 0, 0]], dtype=np.float32)
    plane = Plane.through(points[0], points[-1], points[1])
    found = SimpleNamespace(
        points=points,
        marks=plane.coordinates(points),
        origin=plane.origin,
        along=plane.along,
        across=plane.across,
    )
    beside = Landscape.beside.fget(found)  # type: ignore[attr-defined]
    assert beside == pytest.approx([0, 0, 2, 0], abs=1e-6)
