"""Histograms of distances by kind of pair, with a smooth line (E6)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from explorer.geometry.distances import Kind, Metric, Vector

BINS = 40
GRID = 200
"""Points of the smooth line, from the first edge to the last."""


@dataclass(frozen=True)
class Histogram:
    """How the distances of one vector and metric spread, by kind of pair.

    Attributes:
        vector: whose.
        metric: in which metric.
        edges: BINS + 1 edges of the bins, the same for each kind.
        pairs: how many pairs lie in each bin, for kinds that have any.
        smooth: Gaussian kernel density at GRID places, equally spaced over the edges.
    """

    vector: Vector
    metric: Metric
    edges: list[float]
    pairs: dict[Kind, list[int]]
    smooth: dict[Kind, list[float]]


def make(
    vector: Vector, metric: Metric, values: Mapping[Kind, Float[np.ndarray, " n"]]
) -> Histogram:
    """Return the histogram of distances by kind; one kind at least has some."""
    present = {kind: found for kind, found in values.items() if len(found)}
    low = float(min(found.min() for found in present.values()))
    high = float(max(found.max() for found in present.values()))
    room = (high - low) * 0.03 or 0.01
    edges = np.linspace(low - room, high + room, BINS + 1)
    grid = np.linspace(edges[0], edges[-1], GRID)
    return Histogram(
        vector=vector,
        metric=metric,
        edges=edges.tolist(),
        pairs={kind: np.histogram(found, edges)[0].tolist() for kind, found in present.items()},
        smooth={kind: density(found, grid).tolist() for kind, found in present.items()},
    )


def density(
    values: Float[np.ndarray, " n"], at: Float[np.ndarray, " k"]
) -> Float[np.ndarray, " k"]:
    """Return a Gaussian kernel density with Scott's bandwidth; zeros where it is undefined."""
    from scipy.stats import gaussian_kde  # slow to load, and pages only read what was made

    if len(values) < 2 or not values.std() > 0:
        return np.zeros(len(at))
    heights: Float[np.ndarray, " k"] = gaussian_kde(values)(at)
    return heights
