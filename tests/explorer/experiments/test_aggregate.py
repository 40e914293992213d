"""Aggregation on hand-made numbers, worked out on paper."""

import numpy as np
import pandas as pd
import pytest

from explorer.base.errors import BadInputError
from explorer.experiments import aggregate
from explorer.specs.experiments import LADDER


def restarts() -> pd.DataFrame:
    rows = [("a", 0, 0.0), ("a", 1, 1.0), ("b", 0, 0.5), ("b", 1, 0.5)]
    return pd.DataFrame(rows, columns=["text", "restart", "accuracy"]).assign(shared="e", s_g=4)


def ladder(*rows: tuple[str, int, float]) -> pd.DataFrame:
    cells = pd.DataFrame(rows, columns=["text", "n", "accuracy"])
    return cells.assign(h_lm=cells["n"] * 2.5, model="tiny")


def test_of_a_texts_restarts_the_best_counts_and_the_first_of_equal_ones() -> None:
    assert aggregate.best_restart(restarts(), ["s_g"])["restart"].tolist() == [1, 0]


def test_one_value_alone_does_not_spread() -> None:
    assert np.isnan(aggregate.deviation([0.25]))
    assert aggregate.deviation([0.5, 1.0]) == 0.25


def test_a_prefix_is_reconstructed_from_099_on_and_failures_below_are_told() -> None:
    cells = ladder(
        ("a", 4, 1.0),
        ("a", 5, 0.8),
        ("a", 8, 0.99),
        ("a", 11, 0.98),
        ("b", 4, 1.0),
        ("b", 5, 1.0),
        ("c", 4, 0.75),
    )
    found = aggregate.longest_prefixes(cells, ["model"]).set_index("text")
    assert list(found["c_tokens"]) == [8, 5, 0]
    assert list(found["h_lm"]) == [20.0, 12.5, 0.0]
    assert list(found["gap"]) == [True, False, False]


def test_the_best_restart_decides_about_a_length() -> None:
    cells = pd.concat(
        [ladder(("a", 4, 0.5)).assign(restart=0), ladder(("a", 4, 1)).assign(restart=1)]
    )
    assert list(aggregate.longest_prefixes(cells, ["model"])["c_tokens"]) == [4]


def test_lengths_off_the_papers_ladder_are_taken_as_they_are() -> None:
    assert 92 not in LADDER
    found = aggregate.longest_prefixes(ladder(("a", 90, 1.0), ("a", 92, 1.0)), ["model"])
    assert list(found["c_tokens"]) == [92]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.drop(columns="text"), "lack text"),
        (lambda c: c.assign(accuracy=float("nan")), "no number"),
        (lambda c: c.assign(accuracy=1.5), "between 0 and 1"),
        (lambda c: pd.concat([c, c]), "the same"),
    ],
)
def test_bad_measurements_get_a_sentence(change, words: str) -> None:
    with pytest.raises(BadInputError, match=words):
        aggregate.best_restart(change(restarts()), ["s_g"])
