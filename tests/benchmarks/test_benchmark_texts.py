"""What is measured on was not trained or chosen on."""

from itertools import combinations

import pytest

from benchmarks import benchmark_texts
from tools import record_warm_starts


@pytest.mark.embedded
@pytest.mark.usefixtures("shakespeare")
def test_no_text_is_used_twice() -> None:
    """Settings, the pairs that ship, and results have texts of their own (without the model's)."""
    chosen, reported = benchmark_texts.chosen_on(), [*benchmark_texts.reported_on(None).values()]
    handed = [p for generation in range(8) for p in record_warm_starts.passages(generation)]
    openings = [{passage.text[:40] for passage in group} for group in (chosen, reported, handed)]
    assert [len(group) for group in openings[:2]] == [10, 16]
    for one, other in combinations(openings, 2):
        assert one.isdisjoint(other)
