"""How long a set will take, said before it starts. Free of torch."""

from dataclasses import dataclass

from explorer.base.formatting import counted
from explorer.base.language import tr
from explorer.estimates import usual_steps
from explorer.estimates.outlook import FINISH_STEPS, Expected, about, scores_of
from explorer.estimates.usual_steps import SHARED
from explorer.runtime import step_times
from explorer.runtime.step_times import StepTime
from explorer.specs.jobs import SolveSetSpec

SIDE_BY_SIDE = 32
"""Rows of a batch, as `explorer.tasks.sets.batches`."""
TRIED = 120
"""Steps after which a row that is far from its text makes room (`explorer.tasks.sets.building`)."""
FROZEN = 1.4
"""How many times longer e takes beside an m that was learned on other texts."""
GROUP = 8
"""Rows that shared a vector where it was seen how often they become exact together, about."""
BETWEEN = 1.5
"""The range that is said: the middle divided by this, to the middle times this."""


@dataclass(frozen=True)
class Estimate:
    """A range of times.

    Attributes:
        rows: solutions that are wanted.
        low: seconds, rather less than it usually takes.
        high: rather more.
        most: if every row takes all of its attempts, and each all of its steps.
        measured: whether a step was timed on this machine.
    """

    rows: int
    low: float
    high: float
    most: float
    measured: bool

    @property
    def expected(self) -> Expected:
        """The middle of the range, and the longest that the settings allow."""
        return Expected((self.low * self.high) ** 0.5, self.most)

    @property
    def sentence(self) -> str:
        """From when to when, and how that is known, for a person."""
        how = (
            tr("with a step timed on this machine")
            if self.measured
            else tr("on two CPU cores; a GPU is far quicker")
        )
        return tr(
            "{solutions}: about {low} to {high}, {how}.",
            solutions=counted(self.rows, "solution"),
            low=about(self.low),
            high=about(self.high),
            how=how,
        )


def estimate(
    spec: SolveSetSpec, parameters: int | None, step_time: StepTime | None = None
) -> Estimate:
    """Estimate the training time of a set.

    Args:
        spec: what is wanted.
        parameters: of the model; None counts as the embedded model's.
        step_time: of this machine, if a step was timed.
    """
    cost, seen = step_time or step_times.assumed(parameters), usual_steps.samples()
    most = spec.recipe.max_steps
    found = usual_steps.usual(spec.model, spec.arrangement, spec.recipe, spec.length, seen=seen)
    share = max(found.share, 1 / (spec.attempts + 1))
    each = found.mean(most) + min(spec.attempts - 1, 1 / share - 1) * min(TRIED, most)

    def alone(rows: float, longer: float = 1.0) -> float:
        slowest = found.at(0.95) * cost.a_pass  # the last batch empties while it trains
        return longer * (searched(rows, each) + slowest) + finished(rows)

    def searched(rows: float, steps: float) -> float:
        batch = max(1.0, min(rows, SIDE_BY_SIDE))
        return rows * steps * cost.step_seconds(batch, spec.length) / batch

    def finished(rows: float) -> float:
        return rows * (FINISH_STEPS + scores_of(1.0, 1)) * cost.exact_step(spec.length)

    written = 0 if spec.texts else spec.contexts * spec.continuations * spec.length
    middle = longest = written * cost.a_generated_token
    longest += spec.attempts * (searched(spec.rows, most) + finished(spec.rows))
    if spec.regime == "free":
        middle += alone(spec.rows)
    else:
        joint = usual_steps.usual(
            spec.model, spec.arrangement, spec.recipe, spec.length, SHARED, seen=seen
        )
        jointly = min(spec.m_from or spec.rows, spec.rows)
        together = joint.share ** max(1.0, jointly / GROUP)
        took = together * joint.mean(most) + (1 - together) * most
        left = spec.rows - jointly if spec.m_from else spec.rows / 3
        a_step = cost.step_seconds(jointly, spec.length)
        middle += took * a_step + alone(left, FROZEN)
        longest += most * a_step
    high = middle * BETWEEN
    return Estimate(
        spec.rows, middle / BETWEEN, high, max(high, longest), measured=step_time is not None
    )
