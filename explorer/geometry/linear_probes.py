"""What a linear map reads from vectors: ridge, scored on held-out texts, against permutations.

Ridge is linear in its targets. So one cross-validated fit on the identity, a target for each text,
gives what is predicted for any targets, and for any permutation of them, as a matrix product.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

STRENGTH = 1.0
"""Of the ridge, as a share of the squared length of a standardised vector."""
MOST_FOLDS = 10
PERMUTATIONS = 499

Shuffle = Callable[[np.random.Generator], Int[np.ndarray, " T"]]


@dataclass(frozen=True)
class Folds:
    """How texts are held out, and which relabellings leave everything else as it is.

    Attributes:
        fold: int (T,), the texts of one number are predicted by a map that has seen none of them.
        shuffle: draws which text's target each text is given.
    """

    fold: Int[np.ndarray, " T"]
    shuffle: Shuffle


def over_contexts(contexts: Int[np.ndarray, " T"]) -> Folds:
    """Hold out whole contexts, two or more at a time.

    Texts change targets within their context, and contexts of as many texts with each other: under
    the hypothesis that vectors know nothing of targets all of these are equally likely.

    Args:
        contexts: of each text.
    """
    names, context, sizes = np.unique(contexts, return_inverse=True, return_counts=True)
    folds = max(2, min(MOST_FOLDS, len(names) // 2))

    def shuffle(draw: np.random.Generator) -> Int[np.ndarray, " T"]:
        order = np.empty(len(contexts), dtype=np.int64)
        for size in np.unique(sizes):
            alike = np.flatnonzero(sizes == size)
            for to, from_ in zip(alike, draw.permutation(alike), strict=True):
                order[context == to] = draw.permutation(np.flatnonzero(context == from_))
        return order

    return Folds(context % folds, shuffle)


def over_texts(contexts: Int[np.ndarray, " T"]) -> Folds:
    """Hold out one text of every context at a time: for the context itself as the target.

    Those held out together change contexts with each other, so that each is seen equally often.

    Args:
        contexts: of each text.
    """
    fold = np.array([(contexts[:k] == c).sum() for k, c in enumerate(contexts)])

    def shuffle(draw: np.random.Generator) -> Int[np.ndarray, " T"]:
        order = np.arange(len(contexts))
        for number in np.unique(fold):
            together = np.flatnonzero(fold == number)
            order[together] = draw.permutation(together)
        return order

    return Folds(fold, shuffle)


def held_out(
    vectors: Float[np.ndarray, "K d"], texts: Int[np.ndarray, " K"], folds: Folds
) -> Float[np.ndarray, "T T"]:
    """Return how much of each text's target (columns) is in what is predicted for a text (rows).

    Every text weighs the same, however many solutions it has; its prediction is the mean of theirs.

    Args:
        vectors: of each solution; each number is standardised on the texts that are not held out.
        texts: of each solution, numbered from 0.
        folds: what is held out together.
    """
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    weight = 1 / np.bincount(texts)[texts]
    of_text = np.eye(int(texts.max()) + 1)[texts]
    ridge = make_pipeline(StandardScaler(), Ridge(alpha=STRENGTH * vectors.shape[1]))
    predicted = cross_val_predict(
        ridge,
        vectors,
        of_text,
        groups=folds.fold[texts],
        cv=LeaveOneGroupOut(),
        params={"ridge__sample_weight": weight},
    )
    found: Float[np.ndarray, "T T"] = (weight[:, None] * of_text).T @ predicted
    return found


@dataclass(frozen=True)
class Probed:
    """How well one target is read from vectors.

    Attributes:
        by_context: float (C,), how often a text's prediction lies nearer to its own target than to
            that of another text held out with it; NaN where there is none. 0.5 by chance.
        permuted: float (permutations,), its mean for permuted targets.
    """

    by_context: Float[np.ndarray, " C"]
    permuted: Float[np.ndarray, " P"]

    @property
    def p(self) -> float:
        """One-sided: share of permutations that score as high, itself among them."""
        reached = (self.permuted >= np.nanmean(self.by_context) - 1e-12).sum()
        return float((1 + reached) / (1 + len(self.permuted)))


def probe(
    hat: Float[np.ndarray, "T T"],
    targets: Float[np.ndarray, "T k"],
    contexts: Int[np.ndarray, " T"],
    folds: Folds,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Probed | None:
    """Compare what is predicted for each held-out text with its own target and with others.

    The others are those held out with it, since predictions are mixtures of targets that were not.
    A text counts for its own context alone, so that contexts can be resampled, and their scores
    for two kinds of vectors be compared.

    Args:
        hat: of `held_out`.
        targets: of each text: directions, or classes as unit vectors.
        contexts: of each text.
        folds: those of `hat`.
        permutations: of the targets, as the folds allow.
        seed: of these.

    Returns:
        None if no two texts that are held out together have different targets.
    """
    products = (targets @ targets.T).astype(np.float64)
    together = folds.fold[:, None] == folds.fold
    in_context = (np.unique(contexts)[:, None] == contexts).astype(np.float64)
    draw, every = np.random.default_rng(seed), np.arange(len(contexts))

    def score(order: Int[np.ndarray, " T"]) -> Float[np.ndarray, " C"]:
        among = products[order][:, order]
        own, said = among.diagonal(), hat @ among
        differ = together & (own[:, None] + own - 2 * among > 1e-9 * max(own.max(), 1e-300))
        lead = 2 * (said.diagonal()[:, None] - said) - own[:, None] + own
        right = np.where(differ, (np.sign(lead) + 1) / 2, 0.0)
        with np.errstate(invalid="ignore"):
            of: Float[np.ndarray, " C"] = (in_context @ right.sum(1)) / (in_context @ differ.sum(1))
        return of

    found = score(every)
    if np.isnan(found).all():
        return None
    permuted = [np.nanmean(score(folds.shuffle(draw))) for _ in range(permutations)]
    return Probed(found, np.array(permuted))
