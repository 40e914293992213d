"""What the charts of a set's distances draw, computed once and kept with its report (E6, E7)."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from pydantic import Field

from explorer.base.language import tr
from explorer.base.progress import Progress
from explorer.base.value import Value
from explorer.geometry import binned
from explorer.geometry.binned import DISTANCES, NAMES, TEXT_DISTANCES, Bins, Gap
from explorer.geometry.distances import KINDS, METRICS, Kind, Metric, Vector

MOST_DRAWN = 1500
"""Text pairs of each kind that a scatter draws; a browser is slow with the paper's 124,750."""

DIGITS = 6
"""Decimals of what is drawn."""
BINS = 40
GRID = 200
"""Points of a smooth line, from the first edge to the last."""


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


class AgainstTexts(Value):
    """Cosine distance of one vector against one distance of the texts."""

    vector: Vector
    text_distance: str = Field(description="tfidf or semantic.")
    text_pairs: dict[Kind, int] = Field(description="Pairs of texts that have both distances.")
    bins: list[Bins] = Field(description="Binned means over all of them.")
    gap: Gap | None


class DistanceCharts(Value):
    """Everything that is drawn of a set's pairs."""

    histograms: list[Histogram]
    against_texts: list[AgainstTexts]
    drawn: dict[str, list[int | float | str | None]] = Field(
        description="Columns of `explorer.geometry.binned.text_pairs`: at most MOST_DRAWN rows "
        "of each kind, drawn at random; an undefined text distance is null."
    )

    def points(self, text_distance: str, vector: Vector) -> pd.DataFrame:
        """Return the text pairs that a scatter draws, as `explorer.geometry.binned.points`."""
        table = pd.DataFrame(self.drawn)
        table = table.astype(dict.fromkeys([*TEXT_DISTANCES, *DISTANCES], np.float64))
        return binned.points(table, text_distance, f"cosine_{vector}")


def make(
    pairs: pd.DataFrame, vectors: Sequence[Vector], begun: float = 0.0
) -> Generator[Progress, None, DistanceCharts]:
    """Compute what is drawn; say what comes next.

    Args:
        pairs: of a report.
        vectors: those with a statistic.
        begun: part of a larger whole that was done before.
    """
    parts = len(vectors) * (len(METRICS) + len(TEXT_DISTANCES))
    kind = pairs["kind"].to_numpy()
    here = {name: np.flatnonzero(kind == name) for name in KINDS}
    drawn_as: list[Histogram] = []
    for vector in vectors:
        for metric in METRICS:
            done = begun + (1 - begun) * len(drawn_as) / parts
            yield Progress(tr("Drawing histograms of {vector}.", vector=vector), done)
            values = pairs[f"{metric}_{vector}"].to_numpy()
            of_kind = {name: values[at] for name, at in here.items()}
            drawn_as.append(_histogram(vector, metric, of_kind))
    of_texts = binned.text_pairs(pairs)
    against: list[AgainstTexts] = []
    for vector in vectors:
        for name in TEXT_DISTANCES:
            done = begun + (1 - begun) * (len(drawn_as) + len(against)) / parts
            yield Progress(tr("Comparing {vector} with distances of texts.", vector=vector), done)
            found = binned.points(of_texts, name, f"cosine_{vector}")
            means, gap = binned.compare(found)
            counts = {k: int((found["kind"] == k).sum()) for k in KINDS[1:]}
            against.append(
                AgainstTexts(
                    vector=vector, text_distance=name, text_pairs=counts, bins=means, gap=gap
                )
            )
    return DistanceCharts(histograms=drawn_as, against_texts=against, drawn=_drawn(of_texts))


def _histogram(
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


def _drawn(of_texts: pd.DataFrame) -> dict[str, list[Any]]:
    draw = np.random.default_rng(0)
    kept = []
    for kind in KINDS[1:]:
        rows = np.flatnonzero(of_texts["kind"] == kind)
        if len(rows) > MOST_DRAWN:
            rows = np.sort(draw.choice(rows, MOST_DRAWN, replace=False))
        kept.append(rows)
    table = of_texts.iloc[np.concatenate(kept)].round(DIGITS)
    columns = {name: table[name].tolist() for name in [*NAMES, "solutions", *DISTANCES]}
    for name in TEXT_DISTANCES:
        columns[name] = [None if np.isnan(value) else value for value in table[name]]
    return columns
