"""How long a set will take, said before it starts. Free of torch."""

from dataclasses import dataclass

from explorer.formatting import human_seconds
from explorer.jobs.specs import GatheredText, ReconstructSpec, SolveSetSpec

TOKEN_SECONDS = 1.8e-3 / 134_515_008
"""Seconds of one training step for each token and parameter: two CPU cores with bfloat16."""

FEW = 8
"""A batch of fewer rows takes about as long as one of this many."""


@dataclass(frozen=True)
class Estimate:
    """A range of times.

    Attributes:
        rows: solutions that are wanted.
        low: seconds if every row is quick.
        high: seconds if they are slow or many have to be tried again.
        measured: whether a step was timed on this machine.
    """

    rows: int
    low: float
    high: float
    measured: bool

    @property
    def range(self) -> str:
        """From when to when, and how that is known, inside a sentence."""
        how = (
            "with a step timed on this machine"
            if self.measured
            else "for two CPU cores; a GPU is far quicker"
        )
        return f"about {human_seconds(self.low)} to {human_seconds(self.high)}, {how}"

    @property
    def sentence(self) -> str:
        """The same for a person."""
        return f"{self.rows} solutions: {self.range}."


def typical_steps(spec: SolveSetSpec) -> float:
    """Return how many steps a row usually takes until it is exact.

    The median of the benchmark's texts is 213 for N = 24 with the recipe `independent`; the recipe
    `paper` took four times as many or more on the same texts.
    """
    usual = 60 + 7 * spec.length
    return float(min(spec.recipe.max_steps, usual * (4 if spec.recipe.init == "normal" else 1)))


def estimate(
    spec: SolveSetSpec, parameters: int | None, token_seconds: float | None = None
) -> Estimate:
    """Estimate the training time of a set.

    Args:
        spec: what is wanted.
        parameters: of the model; None counts as the embedded model's.
        token_seconds: measured seconds of a step for each target token of a full batch.
    """
    each = token_seconds or TOKEN_SECONDS * (parameters or 134_515_008)
    step = spec.length * each
    alone = max(spec.rows, FEW) * typical_steps(spec) * step
    stragglers = FEW * spec.recipe.max_steps * step
    if spec.regime == "free":
        return Estimate(spec.rows, 0.7 * alone, 2 * alone + stragglers, token_seconds is not None)
    jointly = min(spec.m_from or spec.rows, spec.rows) * step
    most = jointly * spec.recipe.max_steps
    low = jointly * typical_steps(spec) + (0.5 * alone if spec.m_from else 0)
    high = most + (2.5 if spec.m_from else 1) * alone + stragglers
    return Estimate(spec.rows, low, high, token_seconds is not None)


def of_run(
    spec: ReconstructSpec, parameters: int | None, token_seconds: float | None = None
) -> Estimate:
    """Estimate the training time of a text: that of a set of its restarts, each with its own m."""
    restarts = SolveSetSpec(
        model=spec.model,
        texts=(GatheredText(text="any"),),
        restarts=spec.restarts,
        length=spec.length,
        regime="free",
        arrangement=spec.arrangement,
        recipe=spec.recipe,
    )
    return estimate(restarts, parameters, token_seconds)
