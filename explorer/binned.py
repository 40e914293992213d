"""Proto-token distance against text distance (E7): points of text pairs and binned means."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy.typing import NDArray

from explorer.distances import KINDS, Kind, Pairs
from explorer.effects import RESAMPLES, context_weights

LEAST = 5
"""Text pairs that a bin needs of each kind."""


def text_pairs(table: pd.DataFrame, text_distance: str, distance: str) -> pd.DataFrame:
    """Return one row for each pair of different texts: mean distance over their solutions.

    Args:
        table: the pairs of a report.
        text_distance: its column tfidf or semantic.
        distance: its column of proto-token distances.

    Returns:
        text_a, text_b, context_a, context_b, kind, x, y, solutions (how many pairs the mean is
        over); pairs with an undefined text distance are left out.
    """
    different = table[table["kind"] != KINDS[0]].copy()
    swap = different["text_a"] > different["text_b"]
    for name in ("text", "context"):
        a, b = f"{name}_a", f"{name}_b"
        different.loc[swap, [a, b]] = different.loc[swap, [b, a]].to_numpy()
    by = ["text_a", "text_b", "context_a", "context_b", "kind"]
    grouped = different.groupby(by, sort=True).agg(
        x=(text_distance, "first"), y=(distance, "mean"), solutions=(distance, "size")
    )
    return grouped.reset_index().dropna(subset=["x", "y"])


@dataclass(frozen=True)
class Bins:
    """Binned means of one kind of pair.

    Attributes:
        kind: same or different contexts.
        centre: middle of each bin, in the text distance.
        mean: mean proto-token distance of the bin's text pairs.
        low: 2.5% of the mean over resampled contexts.
        high: 97.5%.
        count: text pairs in the bin.
    """

    kind: Kind
    centre: Float[np.ndarray, " bins"]
    mean: Float[np.ndarray, " bins"]
    low: Float[np.ndarray, " bins"]
    high: Float[np.ndarray, " bins"]
    count: Float[np.ndarray, " bins"]


def bins(points: pd.DataFrame, count: int = 8, *, seed: int = 0) -> list[Bins]:
    """Return binned means of same and different contexts, on their common support only.

    Args:
        points: of `text_pairs`.
        count: bins of equal width over the range that both kinds reach.
        seed: of the bootstrap over contexts.

    Returns:
        One for each kind, with the same bins; empty where the kinds do not overlap or there are
        fewer than two contexts.
    """
    found = _placed(points, count)
    if found is None:
        return []
    near, far, place, kept, centre = found
    y = points["y"].to_numpy()
    weights = np.array(list(context_weights(_as_pairs(points), RESAMPLES, seed)))
    return [
        _one(name, who, place, y, kept, centre, weights)
        for name, who in zip(KINDS[1:], (near, far), strict=True)
    ]


@dataclass(frozen=True)
class Gap:
    """How much closer same-context pairs are at the same distance of the texts (F9).

    Attributes:
        mean: mean distance of pairs of different contexts minus that of pairs of one context,
            over the bins, each as heavy as it has pairs of one context.
        low: 2.5% of that over resampled contexts.
        high: 97.5%.
        spread: standard deviation of the distances within a bin and kind, pooled.
        same: text pairs of one context in the bins.
        different: text pairs of different contexts in them.
        bins: how many bins.
    """

    mean: float
    low: float
    high: float
    spread: float
    same: int
    different: int
    bins: int


def gap(points: pd.DataFrame, count: int = 8, *, seed: int = 0) -> Gap | None:
    """Compare same with different contexts within the bins of `bins`.

    Args:
        points: of `text_pairs`.
        count: bins of equal width over the range that both kinds reach.
        seed: of the bootstrap over contexts.

    Returns:
        None where no bin has enough pairs of both kinds.
    """
    found = _placed(points, count)
    if found is None or not len(found[3]):
        return None
    near, far, place, kept, _ = found
    y = points["y"].to_numpy()
    inside = np.isin(place, kept)
    near, far = near & inside, far & inside
    by = ["place", "kind", "context_a", "context_b"]
    cells = points.assign(place=place)[inside].groupby(by)["y"].agg(["size", "sum"]).reset_index()
    at, is_near = cells["place"].to_numpy(), (cells["kind"] == KINDS[1]).to_numpy()
    size, total = cells["size"].to_numpy(), cells["sum"].to_numpy()

    def difference(weights: np.ndarray) -> float:
        heavy, summed = (
            [np.bincount(at[who], (weights * of)[who], count) for who in (is_near, ~is_near)]
            for of in (size, total)
        )
        both = (heavy[0] > 0) & (heavy[1] > 0)
        if not both.any():
            return float("nan")
        same, different = (s[both] / h[both] for s, h in zip(summed, heavy, strict=True))
        return float(np.average(different - same, weights=heavy[0][both]))

    contexts = np.unique(points[["context_a", "context_b"]])
    one, other = (np.searchsorted(contexts, cells[name]) for name in ("context_a", "context_b"))
    between = Pairs(one, other, np.where(is_near, 1, 2), contexts, contexts)
    resampled = np.array([difference(w) for w in context_weights(between, RESAMPLES, seed)])
    finite = resampled[np.isfinite(resampled)]
    low, high = np.percentile(finite, [2.5, 97.5]) if len(finite) else (-np.inf, np.inf)
    groups = [y[who & (place == k)] for who in (near, far) for k in kept]
    pooled = sum(((group - group.mean()) ** 2).sum() for group in groups) / inside.sum()
    return Gap(
        mean=difference(np.ones(len(cells))),
        low=float(low),
        high=float(high),
        spread=float(np.sqrt(pooled)),
        same=int(near.sum()),
        different=int(far.sum()),
        bins=len(kept),
    )


_Placed = tuple[
    NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]
]


def _placed(points: pd.DataFrame, count: int) -> _Placed | None:
    """Return where points lie in the bins that both kinds reach; None without overlap.

    Which points are of one context, which of different ones, the bin of each (-1: outside), the
    bins with enough of both, and the middle of every bin.
    """
    kind, x = points["kind"].to_numpy(), points["x"].to_numpy()
    near, far = (kind == name for name in KINDS[1:])
    if not near.any() or not far.any():
        return None
    low = max(x[near].min(), x[far].min())
    high = min(x[near].max(), x[far].max())
    if not low < high:
        return None
    edges = np.linspace(low, high, count + 1)
    place = np.where((x >= low) & (x <= high), np.clip(np.digitize(x, edges) - 1, 0, count - 1), -1)
    sizes = [np.bincount(place[who & (place >= 0)], minlength=count) for who in (near, far)]
    kept = np.flatnonzero((sizes[0] >= LEAST) & (sizes[1] >= LEAST))
    return near, far, place, kept, (edges[:-1] + edges[1:]) / 2


def _one(
    name: Kind,
    who: np.ndarray,
    place: np.ndarray,
    y: np.ndarray,
    kept: np.ndarray,
    centre: np.ndarray,
    weights: np.ndarray,
) -> Bins:
    rows = [who & (place == k) for k in kept]
    spread = []
    for at in rows:
        total = weights[:, at].sum(1)
        means = (weights[:, at] @ y[at])[total > 0] / total[total > 0]
        spread.append(np.percentile(means, [2.5, 97.5]) if len(means) else [np.nan, np.nan])
    ends = np.array(spread).reshape(len(kept), 2)
    return Bins(
        kind=name,
        centre=centre[kept],
        mean=np.array([y[at].mean() for at in rows]),
        low=ends[:, 0],
        high=ends[:, 1],
        count=np.array([at.sum() for at in rows]),
    )


def _as_pairs(points: pd.DataFrame) -> Pairs:
    """Return text pairs in the form that the bootstrap over contexts takes."""
    both = pd.concat(
        [
            points[["text_a", "context_a"]].set_axis(["text", "context"], axis=1),
            points[["text_b", "context_b"]].set_axis(["text", "context"], axis=1),
        ]
    ).drop_duplicates("text")
    texts, contexts = both["text"].to_numpy(), both["context"].to_numpy()
    order = {text: i for i, text in enumerate(texts)}
    first = points["text_a"].map(order).to_numpy()
    second = points["text_b"].map(order).to_numpy()
    kind = np.array([KINDS.index(name) for name in points["kind"]])
    return Pairs(first, second, kind, contexts, texts)
