"""What is tried with e and m, and what is not where the input holds no m."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from explorer.base import language
from explorer.figures import inside_strips as strips
from explorer.tasks.inside import trials, writing

if TYPE_CHECKING:
    from explorer.solutions.solution import Solution
    from tests.explorer.tasks.inside.conftest import Look


def test_noise_begins_small_and_doubles() -> None:
    assert np.allclose(np.diff(np.log2(trials.LENGTHS)), 1)


@pytest.mark.parametrize(("key", "length"), [("e", 3), ("e+mN-1", 1), ("alternating", 1)])
def test_nothing_is_tried_of_an_m_that_is_not_fed(
    look: "Look", exact_solutions: "list[Solution]", key: str, length: int
) -> None:
    s, other = (
        replace(
            each,
            record=each.record.model_copy(update={"arrangement": key}),
            target_ids=each.target_ids[:length],
        )
        for each in (exact_solutions[0], exact_solutions[3])
    )
    found = look(s, swap_with=(other,), write=True, tokens=1).found
    assert found is not None and "m" not in found.header.roles
    tried = {(trial.part, trial.what) for trial in found.header.trials}
    assert tried == {("scale", "e"), ("noise", "e")} and not found.header.others
    assert writing.ONCE not in {w.start for w in found.header.writings}
    assert any("kein m" in language._told("de", said) for said in found.header.notices)
    for part in ("noise", "scale"):
        assert len(strips.trials(found, part)["labels"]) == 1
        assert len(strips.trials(found, part)["captions"]) >= len(trials.FACTORS)
