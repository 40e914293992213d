from collections.abc import Callable

import numpy as np
import pytest

from explorer.library.comparison import cosine_distance, side_by_side
from explorer.solutions.solution import Solution


def test_what_differs_is_marked(make_solution: Callable[..., Solution]) -> None:
    one, other = make_solution(), make_solution(seed=4, steps=9, h_lm=float("nan"), loss=None)
    table = side_by_side(one, other).set_index("setting")
    assert set(table.index[table["differs"]]) == {"seed", "steps", "H_LM, nats", "loss, nats"}
    assert table.loc["seed"].tolist() == ["0", "4", True]
    assert table.loc["H_LM, nats", "second"] == "not a number"
    assert table.loc["loss, nats"].tolist() == ["0.25", "–", True]
    assert not side_by_side(one, one)["differs"].any()
    assert {"recipe: lr", "fingerprint", "arrangement"} <= set(table.index)


def test_cosine_distance_is_the_one_of_the_textbook() -> None:
    a, b = np.float32([3, 0, 0]), np.float32([0, 2, 0])
    assert cosine_distance(a, b) == 1.0
    assert cosine_distance(a, 5 * a) == pytest.approx(0.0)
    assert cosine_distance(a, -a) == pytest.approx(2.0)
    assert cosine_distance(a, a + b) == cosine_distance(a + b, a)
    assert cosine_distance(a, np.float32([1, 2])) is None
    assert cosine_distance(a, 0 * a) is None
