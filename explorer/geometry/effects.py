"""Effect sizes for distances whose pairs are not independent (checklist, note on statistics).

Intervals come from resampling contexts, p-values from permuting the labels of texts or contexts;
pairs themselves are never resampled or permuted. An AUC counts, for every near pair, the far pairs
that are farther. Those counts are added up once for every two contexts; a resample is then a
weighted sum of them, and a permutation looks only at the pairs inside its contexts. So nothing of
the size pairs × resamples is ever held: the paper's size (E6) has 450,775 pairs.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from explorer.base.value import Value
from explorer.geometry.distances import KINDS, Kind, Pairs

RESAMPLES = 1000
PERMUTATIONS = 999
DRAWS = 9999
"""Sign flips drawn when there are more than so many."""
LEAST_CONTEXTS = 5
"""Contexts that an interval needs. Of two, the only resample with pairs between contexts is the set
itself, so both ends would be its own value; the sign flips of four give no p-value under 1/16."""


class Comparison(Value):
    """Whether pairs of one kind are closer than pairs of another."""

    near: Kind = Field(description="The kind that is expected to be closer.")
    far: Kind
    auc: float = Field(
        description="Chance that a near pair is closer than a far pair, ties counted half."
    )
    cliffs_delta: float = Field(
        description="Cliff's δ, 2 AUC - 1: 0 no difference, 1 every near pair is closer."
    )
    low: float | None = Field(
        description="2.5% of the AUC over resampled contexts; null under `LEAST_CONTEXTS`."
    )
    high: float | None = Field(description="97.5%.")
    p: float = Field(
        description="Permutation test, one-sided: share of permutations with an AUC at least as "
        "large, itself among them."
    )
    p_reverse: float | None = Field(
        None, description="The same of one at most as large; null: not recorded."
    )
    smallest_p: float | None = Field(
        None, description="The least p that so many texts and contexts allow; null: not recorded."
    )
    shuffled: str = Field(description="What the test permutes.")


def draws(contexts: int, resamples: int, seed: int) -> Int[np.ndarray, "R C"]:
    """Return how often each context is drawn in each resample of the bootstrap over contexts.

    A context drawn k times counts its own pairs k times, and its pairs with a context drawn l
    times k·l times; pairs of a context with its own copy are left out.
    """
    draw = np.random.default_rng(seed)
    times = [
        np.bincount(draw.integers(0, contexts, contexts), minlength=contexts)
        for _ in range(resamples)
    ]
    return np.array(times, dtype=np.int64).reshape(resamples, contexts)


def compare(
    found: Pairs,
    distances: Float[np.ndarray, " P"],
    *,
    resamples: int = RESAMPLES,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Iterator[Comparison]:
    """Compare the kinds of pairs that there are, one comparison after the other.

    Args:
        found: the pairs.
        distances: of each pair, finite.
        resamples: of the bootstrap over contexts.
        permutations: of the labels.
        seed: of both; the permutations of each comparison begin anew from `seed` + 1.
    """
    level = np.unique(distances, return_inverse=True)[1].reshape(-1).astype(np.int32)
    for which, (permute, shuffled) in COMPARISONS.items():
        near, far = (np.flatnonzero(found.kind == KINDS.index(kind)) for kind in which)
        if not len(near) or not len(far):
            continue
        auc = float(_farther(level[far], level[near]).sum() / (len(near) * len(far)))
        low, high = interval(
            resampled_aucs(found, level, near, far, resamples, seed), found.contexts
        )
        draw = np.random.default_rng(seed + 1)
        permuted = np.fromiter(permute(found, level, draw), np.float64, permutations)
        larger, smaller = (permuted >= auc - 1e-12).sum(), (permuted <= auc + 1e-12).sum()
        yield Comparison(
            near=which[0],
            far=which[1],
            auc=auc,
            cliffs_delta=2 * auc - 1,
            low=low,
            high=high,
            p=float(1 + larger) / (permutations + 1),
            p_reverse=float(1 + smaller) / (permutations + 1),
            smallest_p=max(1 / relabellings(found, which), 1 / (permutations + 1)),
            shuffled=shuffled,
        )


def _farther(of: Int[np.ndarray, " f"], than: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Return for each level of `than` how many of `of` lie above it, equal ones counted half."""
    ordered = np.sort(of)
    left, right = (np.searchsorted(ordered, than, side) for side in ("left", "right"))
    return len(of) - (left + right) / 2


def resampled_aucs(
    found: Pairs,
    level: Int[np.ndarray, " P"],
    near: Int[np.ndarray, " n"],
    far: Int[np.ndarray, " f"],
    resamples: int,
    seed: int,
) -> Float[np.ndarray, " R"]:
    """Return the AUC of every resample of contexts; NaN where a side has no pair.

    With w the draws of a resample, and B[c, a, b] the number of (near pair of context c, far pair
    between contexts a and b) of which the near one is closer, the AUC is Σ w_c w_a w_b B[c, a, b]
    over the same sum of all such. For far pairs inside a context, a = b and w_a counts once.

    Args:
        found: the pairs.
        level: rank of each pair's distance, equal for equal distances.
        near: indices of the near pairs, all inside contexts.
        far: indices of the far pairs, all inside contexts or all between two.
        resamples: how many.
        seed: of the draws.
    """
    names, context = np.unique(found.contexts, return_inverse=True)
    count = len(names)
    times = draws(count, resamples, seed).astype(np.float64)
    one, other = context[found.first[far]], context[found.second[far]]
    between = bool((one != other).any())
    group = one * count + other

    def summed(weights: NDArray[np.float64] | None) -> Float[np.ndarray, " R"]:
        of = np.bincount(group, weights, count * count).reshape(count, count).astype(np.float64)
        return ((times @ of) * times).sum(1) if between else times @ of.diagonal()

    order = np.argsort(level[near], kind="stable")
    ordered, at = level[near][order], context[found.first[near]][order]
    left, right = (np.searchsorted(ordered, level[far], side) for side in ("left", "right"))
    closer = np.zeros(resamples)
    for c in range(count):
        below = np.concatenate([[0], np.cumsum(at == c)])  # near pairs of c among the first k
        if below[-1]:
            closer += times[:, c] * summed((below[left] + below[right]) / 2)
    total = (times @ np.bincount(at, minlength=count)) * summed(None)
    aucs: Float[np.ndarray, " R"] = np.full(resamples, np.nan)
    np.divide(closer, total, out=aucs, where=total > 0)
    return aucs


Permuted = Callable[[Pairs, Int[np.ndarray, " P"], np.random.Generator], Iterator[float]]


def _texts_within_contexts(
    found: Pairs, level: Int[np.ndarray, " P"], draw: np.random.Generator
) -> Iterator[float]:
    """Yield AUCs of same text against same context, text labels permuted within each context."""
    inside = np.flatnonzero(found.kind < KINDS.index("different contexts"))
    first, second = found.first[inside], found.second[inside]
    farther = _farther(level[inside], level[inside])
    groups = [np.flatnonzero(found.contexts == context) for context in np.unique(found.contexts)]
    while True:
        texts = found.texts.copy()
        for group in groups:
            texts[group] = draw.permutation(found.texts[group])
        near = texts[first] == texts[second]
        yield _auc_among(farther[near].sum(), int(near.sum()), len(inside))


def _contexts_of_texts(
    found: Pairs, level: Int[np.ndarray, " P"], draw: np.random.Generator
) -> Iterator[float]:
    """Yield AUCs of same context against different contexts, context labels of texts permuted.

    Texts change labels with those of as many solutions. Others are not exchangeable: a context has
    one text with many solutions, most often, and pairs of two such texts would lie in a context
    after a permutation, though they never do before.
    """
    apart = np.flatnonzero(found.kind != KINDS.index("same text"))
    _, at, text, sizes = np.unique(found.texts, True, True, True)
    count, alike = len(at), [np.flatnonzero(sizes == size) for size in np.unique(sizes)]
    both = text[found.first[apart]] * count + text[found.second[apart]]
    farther, pairs_of = (
        np.bincount(both, weights, count * count).reshape(count, count)
        for weights in (_farther(level[apart], level[apart]), None)
    )
    farther, pairs_of = farther + farther.T, pairs_of + pairs_of.T
    contexts = found.contexts[at]
    block = np.sort(contexts)
    first, second = np.nonzero(np.triu(block[:, None] == block, 1))
    while True:
        given = contexts.copy()
        for texts in alike:
            given[texts] = draw.permutation(contexts[texts])
        order = np.argsort(given, kind="stable")
        a, b = order[first], order[second]
        yield _auc_among(farther[a, b].sum(), int(pairs_of[a, b].sum()), len(apart))


def _all_labels(
    found: Pairs, level: Int[np.ndarray, " P"], draw: np.random.Generator
) -> Iterator[float]:
    """Yield AUCs of same text against different contexts, all labels of solutions permuted."""
    count = len(found.contexts)
    square = np.zeros((count, count), dtype=np.int32)
    square[found.first, found.second] = square[found.second, found.first] = level
    farther = _farther(level, np.arange(level.max() + 1))
    inside = found.kind < KINDS.index("different contexts")
    first, second = found.first[inside], found.second[inside]
    near = found.kind[inside] == KINDS.index("same text")
    ties = int(near.sum()) * (len(level) - int(inside.sum()))
    while True:
        holder = np.argsort(draw.permutation(count))  # which solution has the labels of a place
        here = square[holder[first], holder[second]]
        close = here[near]
        yield float((farther[close] - _farther(here, close)).sum() / ties)


def _auc_among(farther: float, near: int, count: int) -> float:
    """Return the AUC of near pairs against all others of a fixed set of pairs.

    Args:
        farther: over the near pairs, how many of the set are farther, equal ones and itself half.
        near: how many near pairs.
        count: pairs of the set.
    """
    far = count - near
    return float((farther - near * near / 2) / (near * far)) if near and far else float("nan")


COMPARISONS: dict[tuple[Kind, Kind], tuple[Permuted, str]] = {
    ("same text", "same context"): (
        _texts_within_contexts,
        "text labels of solutions, within each context",
    ),
    ("same context", "different contexts"): (
        _contexts_of_texts,
        "context labels of texts, among those with as many solutions",
    ),
    ("same text", "different contexts"): (_all_labels, "text and context labels of solutions"),
}
"""What is compared, near and far; and what its test permutes: a function that yields the AUC of
one permutation each, for ever, and the same in words."""


def relabellings(found: Pairs, which: tuple[Kind, Kind]) -> int:
    """Return in how many different ways a comparison's labels can be given: 1/p is at most that.

    Ways that put the same pairs together are one.
    """
    sizes = Counter(found.texts.tolist())
    of_text = dict(zip(found.texts.tolist(), found.contexts.tolist(), strict=True))
    profiles = {
        context: sorted(size for text, size in sizes.items() if of_text[text] == context)
        for context in set(of_text.values())
    }
    if which == ("same text", "same context"):
        return math.prod(_partitions(profile) for profile in profiles.values())
    alike = math.prod(map(_repeats, profiles.values())) * _repeats(map(tuple, profiles.values()))
    if which == ("same context", "different contexts"):
        return _repeats(sizes.values()) // alike
    ways = math.factorial(len(found.texts)) // math.prod(map(math.factorial, sizes.values()))
    return ways // alike


def _partitions(sizes: list[int]) -> int:
    """Return in how many ways things fall into groups of these sizes."""
    ways = math.factorial(sum(sizes)) // math.prod(map(math.factorial, sizes))
    return ways // _repeats(sizes)


def _repeats(values: Iterable[object]) -> int:
    """Return in how many ways equal values can change places."""
    return math.prod(map(math.factorial, Counter(values).values()))


def interval(values: ArrayLike, contexts: ArrayLike) -> tuple[float | None, float | None]:
    """Return the middle 95% of resampled values; None twice under `LEAST_CONTEXTS` contexts."""
    finite = np.asarray(values, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    if len(np.unique(contexts)) < LEAST_CONTEXTS or not len(finite):
        return None, None
    low, high = np.percentile(finite, [2.5, 97.5])
    return float(low), float(high)


def sign_flips(differences: Float[np.ndarray, " n"]) -> float:
    """Return the one-sided p-value of paired differences: is their mean above 0 by chance?

    Signs are flipped, all 2ⁿ ways or, above that many, `DRAWS` drawn at random; the smallest
    p-value of n pairs is 1 / 2ⁿ.
    """
    from scipy.stats import permutation_test

    if len(differences) == 1:
        return 0.5 if differences[0] > 0 else 1.0
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
