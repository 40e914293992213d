from collections.abc import Callable

import numpy as np

from explorer.figures import run as comparison
from explorer.solutions.recording import Recording


def test_both_curves_are_drawn_until_each_is_over(make: Callable[..., Recording]) -> None:
    one, other = make(8), make(3)
    chart = comparison.compared(
        [("first, seed 10", one, 0), ("second, seed 12", other, 2)], "accuracy"
    )
    first, second = chart.figure.data
    assert list(first.x) == [1, 3, 4] and list(first.y) == [0.0, 0.25, 1.0]
    assert list(second.x) == [1, 3, 5] and first.name == "first, seed 10"
    assert first.line.dash != second.line.dash and first.line.color != second.line.color
    assert chart.table["which"].tolist() == ["first, seed 10"] * 3 + ["second, seed 12"] * 3
    assert "first, seed 10 ends at 1.00" in chart.alt


def test_what_is_no_number_is_not_drawn(make: Callable[..., Recording]) -> None:
    run = make(4)
    run.frames["loss"][1:, 0] = np.nan
    (trace,) = comparison.compared([("first", run, 0)], "loss").figure.data
    assert trace.y[0] > 0 and all(value is None for value in trace.y[1:])
