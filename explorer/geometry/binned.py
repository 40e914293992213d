"""Proto-token distance against text distance (E7): points of text pairs and binned means."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy.typing import NDArray

from explorer.geometry.distances import KINDS, METRICS, VECTORS, Kind
from explorer.geometry.effects import RESAMPLES, draws, interval

LEAST = 5
"""Text pairs that a bin needs of each kind."""
TEXT_DISTANCES = ("tfidf", "semantic")
"""Columns of distances between texts."""
DISTANCES = tuple(f"{metric}_{vector}" for metric in METRICS for vector in VECTORS)
"""Columns of distances between proto-tokens."""
NAMES = ["text_a", "text_b", "context_a", "context_b", "kind"]


def text_pairs(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each pair of different texts, its distances the means over solutions.

    Args:
        table: the pairs of a report.

    Returns:
        text_a < text_b, context_a, context_b, kind, solutions (how many pairs the means are over)
        and all columns of distances.
    """
    different = table[(table["kind"] != KINDS[0]).to_numpy()]
    a, b = (different[name].to_numpy() for name in ("text_a", "text_b"))
    count = max(a.max(initial=0), b.max(initial=0)) + 1
    which, first, row, size = np.unique(
        np.minimum(a, b) * count + np.maximum(a, b),
        return_index=True,
        return_inverse=True,
        return_counts=True,
    )
    swapped = (a > b)[first]
    found: dict[str, NDArray[np.generic]] = {"text_a": which // count, "text_b": which % count}
    ends = [different[f"context_{end}"].to_numpy()[first] for end in "ab"]
    found |= {
        "context_a": np.where(swapped, *ends[::-1]),
        "context_b": np.where(swapped, *ends),
        "kind": different["kind"].to_numpy()[first],
        "solutions": size,
    }
    for name in TEXT_DISTANCES:
        found[name] = different[name].to_numpy()[first]
    for name in DISTANCES:
        found[name] = np.bincount(row, different[name].to_numpy(), len(which)) / size
    return pd.DataFrame(found)


def points(of_texts: pd.DataFrame, text_distance: str, distance: str) -> pd.DataFrame:
    """Return what a scatter draws: text pairs with x and y; undefined ones are left out.

    Args:
        of_texts: of `text_pairs`, or some of its rows.
        text_distance: the column for x.
        distance: the column for y.
    """
    kept = of_texts[[*NAMES, text_distance, distance, "solutions"]]
    return kept.rename(columns={text_distance: "x", distance: "y"}).dropna(subset=["x", "y"])


@dataclass(frozen=True)
class Bins:
    """Binned means of one kind of pair; lists are over the bins.

    Attributes:
        kind: same or different contexts.
        centre: middle of each bin, in the text distance.
        mean: mean proto-token distance of the bin's text pairs.
        low: 2.5% of the mean over resampled contexts; None with too few contexts.
        high: 97.5%.
        count: text pairs in the bin.
    """

    kind: Kind
    centre: list[float]
    mean: list[float]
    low: list[float | None]
    high: list[float | None]
    count: list[int]


@dataclass(frozen=True)
class Gap:
    """How much closer same-context pairs are at the same distance of the texts (F9).

    Attributes:
        mean: mean distance of pairs of different contexts minus that of pairs of one context,
            over the bins, each as heavy as it has pairs of one context.
        low: 2.5% of that over resampled contexts; None with too few contexts.
        high: 97.5%.
        spread: standard deviation of the distances within a bin and kind, pooled.
        same: text pairs of one context in the bins.
        different: text pairs of different contexts in them.
        bins: how many bins.
    """

    mean: float
    low: float | None
    high: float | None
    spread: float
    same: int
    different: int
    bins: int


def compare(drawn: pd.DataFrame, count: int = 8) -> tuple[list[Bins], Gap | None]:
    """Compare same with different contexts in bins of the text distance that both kinds reach.

    Distances are summed once for every bin, kind and two contexts; a resample of contexts weighs
    those sums, so that memory does not grow with text pairs × resamples.

    Args:
        drawn: of `points`.
        count: bins of equal width over the range that both kinds reach.

    Returns:
        Bins of both kinds, the same for each, and their `Gap`; no bins and None where no bin has
        `LEAST` pairs of both kinds.
    """
    found = _placed(drawn, count)
    if found is None or not len(found[2]):
        return [], None
    place, near, kept, centre = found
    inside = np.isin(place, kept)
    y = drawn["y"].to_numpy()[inside]
    names, ends = np.unique(drawn[["context_a", "context_b"]], return_inverse=True)
    one, other = ends.reshape(-1, 2)[inside].T
    cell = 2 * np.searchsorted(kept, place[inside]) + ~near[inside]  # bin, then kind
    size, total = _resampled(cell, 2 * len(kept), one, other, y, len(names))
    shape = (-1, len(kept), 2)
    with np.errstate(invalid="ignore"):  # a resample without any pair of a bin has no mean there
        means = (total / size).reshape(shape)
    whole = np.bincount(cell, minlength=2 * len(kept)).reshape(shape[1:])
    mean = np.bincount(cell, y, 2 * len(kept)).reshape(shape[1:]) / np.maximum(whole, 1)
    both = []
    for k, name in enumerate(KINDS[1:]):
        ends_of = [interval(means[:, bin_, k], names) for bin_ in range(len(kept))]
        both.append(
            Bins(
                kind=name,
                centre=centre[kept].tolist(),
                mean=mean[:, k].tolist(),
                low=[low for low, _ in ends_of],
                high=[high for _, high in ends_of],
                count=whole[:, k].tolist(),
            )
        )
    low, high = interval(_differences(size.reshape(shape), means), names)
    spread = math.sqrt(((y - mean.reshape(-1)[cell]) ** 2).sum() / len(y))
    closer = float(_differences(whole[None], mean[None])[0])
    same, different = whole.sum(0).tolist()
    return both, Gap(closer, low, high, spread, same, different, len(kept))


def _placed(
    drawn: pd.DataFrame, count: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64], NDArray[np.float64]] | None:
    """Return where points lie in the bins that both kinds reach; None without overlap.

    The bin of each point (-1: outside), which points are of one context, the bins with enough of
    both kinds, and the middle of every bin.
    """
    kind, x = drawn["kind"].to_numpy(), drawn["x"].to_numpy()
    near = kind == KINDS[1]
    if near.all() or not near.any():
        return None
    low, high = max(x[near].min(), x[~near].min()), min(x[near].max(), x[~near].max())
    if not low < high:
        return None
    edges = np.linspace(low, high, count + 1)
    place = np.where((x >= low) & (x <= high), np.clip(np.digitize(x, edges) - 1, 0, count - 1), -1)
    sizes = [np.bincount(place[who & (place >= 0)], minlength=count) for who in (near, ~near)]
    kept = np.flatnonzero((sizes[0] >= LEAST) & (sizes[1] >= LEAST))
    return place, near, kept, (edges[:-1] + edges[1:]) / 2


def _resampled(
    cell: Int[np.ndarray, " n"],
    cells: int,
    one: Int[np.ndarray, " n"],
    other: Int[np.ndarray, " n"],
    y: Float[np.ndarray, " n"],
    contexts: int,
) -> tuple[Float[np.ndarray, "R cells"], Float[np.ndarray, "R cells"]]:
    """Return weight and weighted sum of each cell in each resample of contexts.

    Args:
        cell: bin and kind of each pair of texts, numbered.
        cells: how many there are.
        one: context of one text.
        other: context of the other.
        y: what is summed.
        contexts: how many contexts are drawn from.
    """
    grouped, group = np.unique((cell * contexts + one) * contexts + other, return_inverse=True)
    size, total = np.bincount(group), np.bincount(group, y)
    at, a, b = grouped // contexts**2, grouped // contexts % contexts, grouped % contexts
    heavy, summed = (np.zeros((RESAMPLES, cells)) for _ in range(2))
    for k, times in enumerate(draws(contexts, RESAMPLES, 0)):
        weight = np.where(a == b, times[a], times[a] * times[b])
        heavy[k] = np.bincount(at, weight * size, cells)
        summed[k] = np.bincount(at, weight * total, cells)
    return heavy, summed


def _differences(
    size: Float[np.ndarray, "R bins 2"], means: Float[np.ndarray, "R bins 2"]
) -> Float[np.ndarray, " R"]:
    """Return the mean of different minus same context over bins with both, by weight of the same.

    NaN where no bin has both.
    """
    both = (size > 0).all(-1)
    weight = np.where(both, size[..., 0], 0.0)
    apart = np.where(both, means[..., 1] - means[..., 0], 0.0)
    with np.errstate(invalid="ignore"):
        differences: Float[np.ndarray, " R"] = (weight * apart).sum(-1) / weight.sum(-1)
    return differences
