"""A walk away from a solution: what its radii add up to."""

import numpy as np
import pytest

from explorer.landscape.surroundings import Surroundings, SurroundingsHeader

HEADER = SurroundingsHeader(
    model="tiny",
    fingerprint="f" * 64,
    solution="s-1",
    solution_seed=0,
    text="The heron",
    norm=4.0,
    seed=0,
)
NEVER = np.nan


@pytest.mark.parametrize(
    ("radii", "median", "said"),
    [
        ([1, 2, 3], 2, "Median radius 2 over 3 directions, 50.0% of the solution's own norm."),
        ([1, 2, NEVER], 2, "Median radius 2 over 3 directions"),
        ([NEVER, 1, 2, NEVER], None, "In 2 of 4 directions accuracy stayed at 0.99 or more"),
        ([2, *[NEVER] * 4], None, "In 4 of 5 directions accuracy stayed at 0.99 or more"),
        ([NEVER] * 5, None, "In 5 of 5 directions accuracy stayed at 0.99 or more"),
    ],
)
def test_where_accuracy_never_fell_the_radius_is_larger_than_any(
    radii: list[float], median: float | None, said: str
) -> None:
    shape = (len(radii), 2)
    found = Surroundings(HEADER, np.arange(2.0), np.ones(shape, np.float32), np.array(radii))
    assert found.median == median
    assert found.sentence.startswith(said)
