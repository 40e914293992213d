"""Effect sizes for distances whose pairs are not independent (checklist, note on statistics).

Intervals come from resampling contexts, p-values from permuting the labels of texts or contexts;
pairs themselves are never resampled or permuted.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from explorer.distances import KINDS, Kind, Pairs, kinds

RESAMPLES = 1000
PERMUTATIONS = 999
DRAWS = 9999
"""Sign flips drawn when there are more than so many."""
COMPARISONS: tuple[tuple[Kind, Kind], ...] = (
    ("same text", "same context"),
    ("same context", "different contexts"),
    ("same text", "different contexts"),
)
SHUFFLED = {
    ("same text", "same context"): "text labels of solutions, within each context",
    ("same context", "different contexts"): "context labels of texts",
    ("same text", "different contexts"): "text and context labels of solutions",
}
"""What the permutation test of each comparison permutes."""


@dataclass(frozen=True)
class Comparison:
    """Whether pairs of one kind are closer than pairs of another.

    Attributes:
        near: the kind that is expected to be closer.
        far: the other.
        auc: chance that a near pair is closer than a far pair, ties counted half.
        low: lower end of the 95% interval of `auc`, None with fewer than two contexts.
        high: upper end.
        p: share of permutations with an AUC at least as large, itself among them.
        shuffled: what was permuted.
    """

    near: Kind
    far: Kind
    auc: float
    low: float | None
    high: float | None
    p: float
    shuffled: str

    @property
    def cliffs_delta(self) -> float:
        """Cliff's δ, 2 AUC - 1: 0 no difference, 1 every near pair is closer."""
        return 2 * self.auc - 1


class Levels:
    """Distances by rank, so that an AUC over any part of them takes one pass.

    Attributes:
        count: how many different distances there are.
    """

    def __init__(self, distances: Float[np.ndarray, " P"]) -> None:
        values, level = np.unique(distances, return_inverse=True)
        self.count, self._level = len(values), level.reshape(-1)

    def auc(self, near: Float[np.ndarray, " P"], far: Float[np.ndarray, " P"]) -> float:
        """Return the chance that a pair drawn by `near` is closer than one drawn by `far`.

        Args:
            near: weight of each pair among the near ones, 0 for the others.
            far: the same for the far ones.

        Returns:
            The AUC with ties counted half; NaN if a side has no weight.
        """
        a = np.bincount(self._level, near, self.count)
        b = np.bincount(self._level, far, self.count)
        total = a.sum() * b.sum()
        if total <= 0:
            return float("nan")
        farther = b.sum() - np.cumsum(b)
        return float((a * (farther + b / 2)).sum() / total)


def context_weights(found: Pairs, resamples: int, seed: int) -> Iterator[Float[np.ndarray, " P"]]:
    """Yield pair weights of the bootstrap over contexts.

    A context drawn k times counts its own pairs k times, and its pairs with a context drawn l
    times k·l times; pairs of a context with its own copy are left out.
    """
    draw = np.random.default_rng(seed)
    names, context = np.unique(found.contexts, return_inverse=True)
    inside = found.kind < KINDS.index("different contexts")
    for _ in range(resamples):
        times = np.bincount(draw.integers(0, len(names), len(names)), minlength=len(names))
        a, b = times[context[found.first]], times[context[found.second]]
        yield np.where(inside, a, a * b).astype(np.float64)


def compare(
    found: Pairs,
    distances: Float[np.ndarray, " P"],
    *,
    resamples: int = RESAMPLES,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> list[Comparison]:
    """Compare the kinds of pairs that there are.

    Args:
        found: the pairs.
        distances: of each pair, finite.
        resamples: of the bootstrap over contexts.
        permutations: of the labels.
        seed: of both.
    """
    levels = Levels(distances)
    weights = list(context_weights(found, resamples, seed))
    return [
        _compare(found, levels, (near, far), weights, permutations, seed)
        for near, far in COMPARISONS
        if (found.kind == KINDS.index(near)).any() and (found.kind == KINDS.index(far)).any()
    ]


def _compare(
    found: Pairs,
    levels: Levels,
    which: tuple[Kind, Kind],
    weights: list[Float[np.ndarray, " P"]],
    permutations: int,
    seed: int,
) -> Comparison:
    near, far = (KINDS.index(kind) for kind in which)
    is_near, is_far = (found.kind == near), (found.kind == far)
    auc = levels.auc(is_near.astype(float), is_far.astype(float))
    low, high = interval([levels.auc(w * is_near, w * is_far) for w in weights], found)
    draw = np.random.default_rng(seed + 1)
    reached = 1
    for _ in range(permutations):
        contexts, texts = _shuffled(found, which, draw)
        kind = kinds(contexts, texts, found.first, found.second)
        value = levels.auc((kind == near).astype(float), (kind == far).astype(float))
        reached += value >= auc - 1e-12
    return Comparison(*which, auc, low, high, float(reached / (permutations + 1)), SHUFFLED[which])


def interval(values: list[float], found: Pairs) -> tuple[float | None, float | None]:
    """Return the middle 95% of resampled values, or None twice with fewer than two contexts."""
    finite = np.array([value for value in values if np.isfinite(value)])
    if len(np.unique(found.contexts)) < 2 or not len(finite):
        return None, None
    low, high = np.percentile(finite, [2.5, 97.5])
    return float(low), float(high)


def sign_flips(differences: Float[np.ndarray, " n"]) -> float:
    """Return the one-sided p-value of paired differences: is their mean above 0 by chance?

    Signs are flipped, all 2ⁿ ways or, above that many, `DRAWS` drawn at random; the smallest
    p-value of n pairs is 1 / 2ⁿ.
    """
    from scipy.stats import permutation_test

    found = permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        alternative="greater",
        vectorized=True,
        n_resamples=DRAWS,
        rng=0,
    )
    return float(found.pvalue)


def _shuffled(
    found: Pairs, which: tuple[Kind, Kind], draw: np.random.Generator
) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """Return contexts and texts of the solutions under the comparison's null hypothesis."""
    contexts, texts = found.contexts, found.texts
    if which == ("same text", "same context"):
        new = texts.copy()
        for context in np.unique(contexts):
            here = contexts == context
            new[here] = draw.permutation(texts[here])
        return contexts, new
    if which == ("same context", "different contexts"):
        _, at, number = np.unique(texts, return_index=True, return_inverse=True)
        by_text: NDArray[np.int64] = draw.permutation(contexts[at])
        return by_text[number.reshape(-1)], texts
    order = draw.permutation(len(texts))
    return contexts[order], texts[order]
