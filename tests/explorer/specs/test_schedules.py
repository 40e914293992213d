"""One learning-rate schedule for vectors and curves."""

import math

import pytest

from explorer.specs.schedules import scheduled


def test_the_rate_warms_up_and_then_falls_along_half_a_cosine_to_a_twentieth() -> None:
    rates = [scheduled(2.0, "cosine", step, 110, warmup=10) for step in range(130)]
    assert rates[:10] == pytest.approx([0.2 * k for k in range(1, 11)])
    assert rates[10] == 2.0 and rates[60] == pytest.approx(2.0 * (0.05 + 0.95 / 2))
    assert rates[35] == pytest.approx(2.0 * (0.05 + 0.475 * (1 + math.sqrt(0.5))))
    assert rates[110:] == pytest.approx([0.1] * 20)
    assert [scheduled(2.0, "constant", step, 110, warmup=4) for step in (0, 3, 4, 999)] == [
        0.5,
        2.0,
        2.0,
        2.0,
    ]
