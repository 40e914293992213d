"""What is measured on was not trained or chosen on."""

import pytest

from benchmarks import material
from tools import record_known_m


@pytest.mark.embedded
def test_no_text_is_used_twice() -> None:
    """Settings, the m that ship, and results: each has texts of its own (without the model's)."""
    used = [material.chosen_on(), record_known_m.passages(), [*material.reported_on(None).values()]]
    openings = [{passage.text[:40] for passage in passages} for passages in used]
    assert [len(group) for group in openings] == [10, 44, 16]
    assert len(set.union(*openings)) == 10 + 44 + 16
