from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from explorer.base.errors import BadInputError
from explorer.paths.pairs import all_pairs, require_pair, vector
from explorer.specs.jobs import MAX_PAIRS

if TYPE_CHECKING:
    from explorer.solutions.solution import Solution

Make = Callable[..., "Solution"]


@pytest.fixture
def make(make_solution: Make) -> Make:
    """Make an exact solution; its id follows its seed."""

    def exact(**fields: object) -> "Solution":
        seed = fields.get("seed", 0)
        usual = {"exact": True, "accuracy": 1.0, "c_tokens": 3, "id": f"aaaaaaaaaaaa-{seed:08}"}
        return make_solution(**(usual | fields))  # type: ignore[arg-type]

    return exact


def test_two_restarts_of_a_text_make_a_pair(make: Make) -> None:
    require_pair(make(seed=0), make(seed=1))


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"target_ids": (5, 3, 9)}, "different texts"),
        ({"target_ids": (5, 3, 8, 1)}, "different lengths, 3 and 4"),
        ({"fingerprint": "e" * 64, "model": "another"}, "different models, tiny and another"),
        ({"arrangement": "e+mN-1"}, "different arrangements"),
        ({"arrangement": "sink+e+mN", "sink": 7}, "token 7 as the sink"),
        ({"exact": False, "c_tokens": 2, "accuracy": 2 / 3}, "2 of its 3 tokens are correct"),
    ],
)
def test_what_cannot_be_connected_is_said_with_what_can(
    make: Make, other: dict[str, object], said: str
) -> None:
    with pytest.raises(BadInputError, match=said) as caught:
        require_pair(make(seed=0), make(seed=1, **other))
    assert any(word in str(caught.value).lower() for word in ("pick", "train"))


def test_the_same_solution_twice_is_no_path(make: Make) -> None:
    with pytest.raises(BadInputError, match="same solution"):
        require_pair(make(seed=0), make(seed=0))
    copied = replace(make(seed=0), record=make(seed=1).record)
    with pytest.raises(BadInputError, match="same solution"):
        require_pair(make(seed=0), copied)


def test_all_pairs_stay_within_a_text(make: Make) -> None:
    """Three of one text, two of another, one alone, and one that is not exact: 3 + 1 pairs."""
    first = [make(seed=k) for k in range(3)]
    second = [make(seed=k, target_ids=(1, 2, 3)) for k in (5, 6)]
    alone = make(seed=8, target_ids=(7, 7, 7))
    wrong = make(seed=9, exact=False)
    pairs = all_pairs([*first, wrong, alone, *second, first[0]])
    assert [(a.record.seed, b.record.seed) for a, b in pairs] == [(0, 1), (0, 2), (1, 2), (5, 6)]


def test_all_pairs_of_the_paper_are_225(make: Make) -> None:
    solutions = [
        make(seed=10 * text + k, target_ids=(text, 1, 2)) for text in range(5) for k in range(10)
    ]
    assert len(all_pairs(solutions)) == 225 <= MAX_PAIRS


def test_all_pairs_refuse_nothing_mixtures_and_too_many(make: Make) -> None:
    with pytest.raises(BadInputError, match="nothing to connect"):
        all_pairs([make(seed=0), make(seed=1, exact=False)])
    mixed = [
        make(seed=k, fingerprint=("f" if k < 2 else "e") * 64, target_ids=(k // 2, 1, 2))
        for k in range(4)
    ]
    with pytest.raises(BadInputError, match="different models"):
        all_pairs(mixed)
    with pytest.raises(BadInputError, match="at most 500"):
        all_pairs([make(seed=k) for k in range(33)])


def test_the_space_of_a_path_is_e_then_m(make: Make) -> None:
    solution = make(seed=4)
    assert np.array_equal(vector(solution)[:4], solution.e)
    assert np.array_equal(vector(solution)[4:], solution.m)
