"""Linear probes: the operator is ridge's, scores are counts, and permutations know their place."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from explorer.geometry import linear_probes
from explorer.geometry.linear_probes import STRENGTH, held_out, over_contexts, over_texts, probe

CONTEXTS = np.repeat(np.arange(8), 6)
TEXTS = np.array([t for t in range(48) for _ in range(3 if t % 6 == 5 else 1)])


def _vectors(seed: int, d: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(len(TEXTS), d))


def test_one_fit_on_the_identity_predicts_every_target() -> None:
    """Against ridge that is fitted to the targets themselves, fold by fold, texts weighed alike."""
    x, folds = _vectors(0), over_contexts(CONTEXTS)
    targets = np.random.default_rng(1).normal(size=(48, 2))
    made = held_out(x, TEXTS, folds) @ targets
    weight = 1 / np.bincount(TEXTS)[TEXTS]
    for number in np.unique(folds.fold):
        out = folds.fold[TEXTS] == number
        mean, sd = x[~out].mean(0), x[~out].std(0)
        seen, unseen = (x[~out] - mean) / sd, (x[out] - mean) / sd
        ridge = Ridge(alpha=STRENGTH * x.shape[1])
        ridge.fit(seen, targets[TEXTS[~out]], sample_weight=weight[~out])
        predicted = ridge.predict(unseen)
        for text in np.unique(TEXTS[out]):
            mine = predicted[TEXTS[out] == text].mean(0)
            assert made[text] == pytest.approx(mine, abs=1e-9)


def test_what_is_there_is_found_and_what_is_not_is_not() -> None:
    """A target that is in the vectors scores high, noise near one half with p as likely as any."""
    draw = np.random.default_rng(2)
    targets = draw.normal(size=(48, 5))
    targets /= np.linalg.norm(targets, axis=1, keepdims=True)
    folds = over_contexts(CONTEXTS)
    there = _vectors(3) + 3 * targets[TEXTS] @ draw.normal(size=(5, 40))
    found = probe(held_out(there, TEXTS, folds), targets, CONTEXTS, folds, 99)
    assert found is not None and np.nanmean(found.by_context) > 0.9 and found.p == 0.01
    ps, scores = [], []
    for seed in range(40):
        nothing = probe(held_out(_vectors(seed + 9), TEXTS, folds), targets, CONTEXTS, folds, 39)
        assert nothing is not None
        ps.append(nothing.p)
        scores.append(np.mean(nothing.by_context))
    assert np.mean(scores) == pytest.approx(0.5, abs=0.03)
    assert 0.35 < np.mean(ps) < 0.65 and np.mean(np.array(ps) <= 0.1) < 0.3


def test_a_score_counts_the_texts_that_a_prediction_lies_farther_from() -> None:
    folds, targets = over_contexts(CONTEXTS), np.random.default_rng(4).normal(size=(48, 3))
    hat = held_out(_vectors(5), TEXTS, folds)
    found = probe(hat, targets, CONTEXTS, folds, 0)
    assert found is not None
    predicted = hat @ targets
    for c in range(8):
        right = [
            np.linalg.norm(predicted[i] - targets[i]) < np.linalg.norm(predicted[i] - targets[j])
            for i in np.flatnonzero(c == CONTEXTS)
            for j in np.flatnonzero(folds.fold == folds.fold[i])
            if i != j
        ]
        assert found.by_context[c] == pytest.approx(np.mean(right))


@pytest.mark.parametrize("split", [over_contexts, over_texts])
def test_relabellings_keep_what_they_may_not_change(split: object) -> None:
    contexts = np.array([0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 4])
    folds = split(contexts)  # type: ignore[operator]
    draw, seen = np.random.default_rng(0), set()
    for _ in range(200):
        order = folds.shuffle(draw)
        assert sorted(order) == list(range(len(contexts)))
        seen.add(tuple(order))
        if split is over_contexts:  # texts of a context stay together; their number is the same
            for c in range(5):
                (origin,) = set(contexts[order[contexts == c]])
                assert (contexts == origin).sum() == (contexts == c).sum()
        else:  # those that are held out together change places
            assert (folds.fold[order] == folds.fold).all()
    assert len(seen) > 50


def test_no_context_is_seen_by_what_predicts_it_and_no_fold_holds_out_one_alone() -> None:
    folds = over_contexts(CONTEXTS)
    for c in range(8):
        assert len(set(folds.fold[c == CONTEXTS])) == 1
    for number in np.unique(folds.fold):
        assert len(set(CONTEXTS[folds.fold == number])) >= 2
    assert set(over_texts(CONTEXTS).fold[CONTEXTS == 3]) == set(range(6))


def test_equal_targets_have_nothing_to_tell() -> None:
    folds = over_contexts(CONTEXTS)
    hat = held_out(_vectors(6), TEXTS, folds)
    assert probe(hat, np.ones((48, 1)), CONTEXTS, folds) is None
    assert linear_probes.PERMUTATIONS >= 199
