"""The plane through two solutions and a control point: orthonormal axes, true distances."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from explorer.base.errors import BadInputError
from explorer.base.language import tr

THIN = 1e-6
"""Least height of a control point over the chord, as a share of the chord."""

COARSEST = 3
"""Level of the first grid: 2**3 + 1 = 9 points along each side."""


@dataclass(frozen=True)
class Plane:
    """A plane in the space of [e; m], float64.

    Attributes:
        origin: (D,), the first solution.
        along: (D,), unit vector from the first solution to the second.
        across: (D,), unit vector at right angles to it, towards the control point.
    """

    origin: NDArray[np.float64]
    along: NDArray[np.float64]
    across: NDArray[np.float64]

    @classmethod
    def through(
        cls,
        a: Float[np.ndarray, " D"],
        b: Float[np.ndarray, " D"],
        control: Float[np.ndarray, " D"],
    ) -> Self:
        """Return the plane that contains three points (Gram-Schmidt).

        Raises:
            BadInputError: if they lie on one line.
        """
        a, b, control = (np.asarray(p, dtype=np.float64) for p in (a, b, control))
        chord = float(np.linalg.norm(b - a))
        if chord == 0:
            raise BadInputError(tr("Both solutions are the same point. Pick two different ones."))
        along = (b - a) / chord
        up = (control - a) - ((control - a) @ along) * along
        up -= (up @ along) * along  # once more: rounding of the first time
        height = float(np.linalg.norm(up))
        if height < THIN * chord:
            raise BadInputError(
                tr(
                    "The control point lies on the chord, so there is no plane yet. Let the curve "
                    "train for a few steps first."
                )
            )
        return cls(a, along, up / height)

    def coordinates(self, points: Float[np.ndarray, "rows D"]) -> Float[np.ndarray, "rows 2"]:
        """Return where the plane's nearest points are, as distances from the first solution."""
        offset = np.asarray(points, dtype=np.float64) - self.origin
        return np.stack([offset @ self.along, offset @ self.across], axis=1)

    def points(self, at: Float[np.ndarray, "rows 2"]) -> Float[np.ndarray, "rows D"]:
        """Return the points of the plane at some coordinates."""
        at = np.asarray(at, dtype=np.float64)
        return self.origin + at[:, :1] * self.along + at[:, 1:] * self.across


def axes_around(
    marks: Float[np.ndarray, "rows 2"], level: int
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Return a square grid's coordinates along both axes, with both solutions on grid points.

    The chord covers 6, else 4, 2 or 1 of the coarsest grid's eight steps, the most that leaves
    every mark inside; so the solutions are on the grid at every resolution.

    Args:
        marks: points to be inside; the first two are the solutions, at (0, 0) and (chord, 0).
        level: 2**level + 1 points along each side, level >= 3.
    """
    chord = float(marks[1, 0])
    low, high = marks.min(axis=0), marks.max(axis=0)
    fine = np.arange(2**level + 1) / 2 ** (level - COARSEST)
    for covered in (6, 4, 2, 1):
        step = chord / covered
        along, across = fine - (8 - covered) // 2, fine - 2
        inside = low >= step * np.array([along[0], across[0]])
        if (inside & (high <= step * np.array([along[-1], across[-1]]))).all():
            break
    return step * along, step * across
