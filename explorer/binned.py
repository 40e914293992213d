"""Proto-token distance against text distance (E7): points of text pairs and binned means."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

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
    kind = points["kind"].to_numpy()
    x, y = points["x"].to_numpy(), points["y"].to_numpy()
    near, far = (kind == name for name in KINDS[1:])
    if not near.any() or not far.any():
        return []
    low = max(x[near].min(), x[far].min())
    high = min(x[near].max(), x[far].max())
    if not low < high:
        return []
    edges = np.linspace(low, high, count + 1)
    place = np.where((x >= low) & (x <= high), np.clip(np.digitize(x, edges) - 1, 0, count - 1), -1)
    sizes = [np.bincount(place[who & (place >= 0)], minlength=count) for who in (near, far)]
    kept = np.flatnonzero((sizes[0] >= LEAST) & (sizes[1] >= LEAST))
    weights = np.array(list(context_weights(_as_pairs(points), RESAMPLES, seed)))
    centre = (edges[:-1] + edges[1:]) / 2
    return [
        _one(name, who, place, y, kept, centre, weights)
        for name, who in zip(KINDS[1:], (near, far), strict=True)
    ]


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
