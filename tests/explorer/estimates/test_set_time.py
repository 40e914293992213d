"""How long a set takes: the middle of a range, and the longest that its settings allow."""

import pytest

from explorer.estimates.set_time import estimate
from explorer.runtime.step_times import StepTime
from explorer.specs.jobs import SolveSetSpec
from explorer.specs.recipes import INDEPENDENT, PAPER, Recipe

PACE = StepTime(
    model="a/tiny", precision="auto", token_seconds=1e-3, pass_seconds=0.05, generate_seconds=0.02
)


@pytest.mark.parametrize("recipe", [INDEPENDENT, PAPER])
@pytest.mark.parametrize("regime", ["free", "shared"])
def test_the_most_is_every_attempt_of_every_row_to_its_last_step(
    recipe: Recipe, regime: str
) -> None:
    spec = SolveSetSpec(
        model="a/tiny",
        contexts=8,
        continuations=5,
        restarts=8,
        length=16,
        attempts=3,
        regime=regime,
        recipe=recipe,
    )
    found = estimate(spec, None, PACE)
    steps = spec.rows * spec.attempts * recipe.max_steps
    assert found.expected.most >= steps * spec.length * PACE.token_seconds
    assert found.low < found.expected.usual < found.high <= found.expected.most
