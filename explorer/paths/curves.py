"""Curves as pure functions of t: ends fixed, bends starting on the chord (equation 3, H6).

A curve is a weighted sum of its points, `curve(t) = sum_k w_k(t) p_k`, so the gradient by a bend is
the sum of `w_k(t)` times the gradient at t. Points live in the concatenation [e; m].
"""

from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

CurveKind = Literal["line", "bezier", "two-bends"]
BENDS: dict[CurveKind, int] = {"line": 0, "bezier": 1, "two-bends": 2}
"""How many points between the two ends are trained."""

_NODES, _SHARES = np.polynomial.legendre.leggauss(16)


def weights(kind: CurveKind, t: Float[np.ndarray, " T"]) -> Float[np.ndarray, "T points"]:
    """Return the weight of every point at every t, float64; each row sums to 1.

    `bezier` is the quadratic curve of equation 3; `two-bends` goes straight from point to point,
    with its bends at t = 1/3 and 2/3 (the polygonal chain of Garipov et al. 2018).

    Args:
        kind: which curve.
        t: parameters in [0, 1].
    """
    t = np.asarray(t, dtype=np.float64)
    if kind == "bezier":
        return np.stack([(1 - t) ** 2, 2 * t * (1 - t), t**2], axis=1)
    last = BENDS[kind] + 1
    hats: NDArray[np.float64] = np.maximum(
        0.0, 1 - np.abs(last * t[:, None] - np.arange(last + 1)[None])
    )
    return hats


def positions(
    kind: CurveKind, points: Float[np.ndarray, "points D"], t: Float[np.ndarray, " T"]
) -> Float[np.ndarray, "T D"]:
    """Return where a curve is at every t, float64; exactly its ends at t = 0 and 1."""
    return weights(kind, t) @ np.asarray(points, dtype=np.float64)


def bends_on_chord(
    kind: CurveKind, a: Float[np.ndarray, " D"], b: Float[np.ndarray, " D"]
) -> Float[np.ndarray, "bends D"]:
    """Return the bends with which a curve is the straight line from a to b, evenly walked."""
    parts = np.arange(1, BENDS[kind] + 1)[:, None] / (BENDS[kind] + 1)
    return np.asarray(a, dtype=np.float64) * (1 - parts) + np.asarray(b, dtype=np.float64) * parts


def arc_lengths(
    kind: CurveKind, points: Float[np.ndarray, "points D"], t: Float[np.ndarray, " T"]
) -> Float[np.ndarray, " T"]:
    """Return the length of the curve from 0 to every t, float64, in the unit of the points.

    Straight pieces are exact; the quadratic curve's speed is integrated by Gauss-Legendre on
    either side of its slowest point, where alone it can have a kink.
    """
    points, t = np.asarray(points, dtype=np.float64), np.asarray(t, dtype=np.float64)
    steps = np.diff(points, axis=0)
    if kind != "bezier":
        walked = np.clip(len(steps) * t[:, None] - np.arange(len(steps))[None], 0, 1)
        lengths: NDArray[np.float64] = walked @ np.linalg.norm(steps, axis=1)
        return lengths
    # velocity = 2 (first + t bend), so its square is a polynomial in t with three numbers
    first, bend = steps[0], steps[1] - steps[0]
    a, b, c = first @ first, first @ bend, bend @ bend
    slowest = float(np.clip(-b / c, 0, 1)) if c > 0 else 0.0

    def primitive(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
        middle, half = (low + high) / 2, (high - low) / 2
        at = middle[:, None] + half[:, None] * _NODES
        speed = 2 * np.sqrt(np.maximum(a + 2 * b * at + c * at**2, 0))
        total: NDArray[np.float64] = (speed @ _SHARES) * half
        return total

    before = primitive(np.zeros_like(t), np.minimum(t, slowest))
    after = primitive(np.full_like(t, slowest), np.maximum(t, slowest))
    return before + after


def mean_along(
    kind: CurveKind,
    points: Float[np.ndarray, "points D"],
    t: Float[np.ndarray, " T"],
    values: Float[np.ndarray, "*rows T"],
) -> Float[np.ndarray, "*rows"]:
    """Return the arc-length-weighted mean of values given at t (trapezoids over the length)."""
    passed = arc_lengths(kind, points, t)
    mean: NDArray[np.float64] = np.trapezoid(np.asarray(values, dtype=np.float64), passed) / (
        passed[-1] - passed[0]
    )
    return mean
