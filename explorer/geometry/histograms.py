"""Histograms of distances by kind of pair, with a smooth line (E6)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from explorer.geometry.distances import Kind, Metric, Vector

BINS = 40
GRID = 200
"""Points of the smooth line, from the first edge to the last."""
BLOCK = 20_000
"""Distances that the smooth line takes at a time, so that memory does not grow with the pairs."""


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
    width = values.std(ddof=1) * len(values) ** -0.2 if len(values) > 1 else 0.0
    heights: Float[np.ndarray, " k"] = np.zeros(len(at))
    if not width > 0:
        return heights
    for block in np.array_split(values, -(-len(values) // BLOCK)):
        heights += np.exp(-(((at[:, None] - block) / width) ** 2) / 2).sum(1)
    heights /= len(values) * width * np.sqrt(2 * np.pi)
    return heights
