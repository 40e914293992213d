"""What a set of paths says in one line: how many pairs are connected, and how long curves are."""

import math
from dataclasses import dataclass

import numpy as np

from explorer.paths.result import Paths
from explorer.specs.recipes import THRESHOLD

Z = 1.96
"""Normal deviate of a 95 % interval."""
BESIDE = 0.1
"""Up to this t from 0 or 1 a point lies beside an end."""


@dataclass(frozen=True)
class Connection:
    """Shares and lengths of the measured pairs of a set (F10, Q9).

    Attributes:
        texts: of these pairs.
        pairs: measured.
        connected: by the curve.
        lines: connected by the straight line.
        low: lower end of the share connected by the curve, by text.
        high: its upper end.
        failing: grid points at which a curve falls below `THRESHOLD`, of all pairs.
        beside_ends: those of them with t at most `BESIDE` from an end.
        ratios: float64 (5,), least, lower quartile, median, upper quartile and largest of curve
            length over chord length.
    """

    texts: int
    pairs: int
    connected: int
    lines: int
    low: float
    high: float
    failing: int
    beside_ends: int
    ratios: np.ndarray

    @property
    def share(self) -> float:
        """Connected pairs of those measured."""
        return self.connected / self.pairs


def connection(paths: Paths) -> Connection:
    """Return what the measured pairs say; at least one must be.

    The interval is Wilson's, of the mean over texts with as many draws as there are texts: pairs
    of one text share their ends, so they are no draws of their own.
    """
    at = np.flatnonzero(paths.measured).tolist()
    of = np.array([paths.header.solutions[paths.header.pairs[k][0]].text for k in at])
    texts = np.unique(of)
    low, high = wilson(np.mean([paths.connected[at][of == k].mean() for k in texts]), len(texts))
    fails = paths.curve.accuracy[at] < THRESHOLD
    beside = np.minimum(paths.t, 1 - paths.t) <= BESIDE + 1e-9
    return Connection(
        texts=len(texts),
        pairs=len(at),
        connected=int(paths.connected.sum()),
        lines=int(paths.lines_connected.sum()),
        low=low,
        high=high,
        failing=int(fails.sum()),
        beside_ends=int(fails[:, beside].sum()),
        ratios=np.quantile([paths.ratio(k) for k in at], [0, 0.25, 0.5, 0.75, 1]),
    )


def wilson(share: float, draws: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of so many independent draws (Wilson 1927).

    It is not empty where all draws or none are hits, as the normal approximation's is.
    """
    shrunk = 1 + Z**2 / draws
    middle = (share + Z**2 / (2 * draws)) / shrunk
    half = Z / shrunk * math.sqrt(share * (1 - share) / draws + Z**2 / (4 * draws**2))
    return max(0.0, middle - half), min(1.0, middle + half)
