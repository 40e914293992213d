"""How a curve is trained and where it is measured: one frozen value."""

from typing import Literal

from pydantic import Field

from explorer.base.language import later
from explorer.base.value import Value
from explorer.specs.recipes import Recipe

LONGER = 4
"""Times as many steps as the attempt before: a curve is seldom connected by a few more."""
MARGIN = 2.0
"""Logits by which every token of an end leads: a probability of .88 against its one runner-up."""


def trained_on(recipe: Recipe) -> Recipe:
    """Return the recipe for ends of paths: on from the first exact step until every token leads.

    A solution that stops at its first exact step lies at the edge of what is right, where no curve
    can leave it in any direction but few (`benchmarks/README.md`).
    """
    more = {"name": f"{recipe.name}, margin {MARGIN:g}", "finish_margin": MARGIN, "finish_lr": None}
    return recipe.model_copy(update=more)


class PathRecipe(Value):
    """Every setting of one curve's optimisation (H6)."""

    max_steps: int = Field(
        500,
        ge=0,
        le=1_000_000,
        description=later("Steps of Adam in the first attempt, before those that finish a curve."),
    )
    attempts: int = Field(
        2,
        ge=1,
        le=6,
        description=later(
            "How many attempts a curve has. Each begins anew on the straight line, with four times "
            "the steps of the one before, and only if that one did not connect it."
        ),
    )
    samples: int = Field(
        4,
        ge=1,
        le=64,
        description=later(
            "Points of the curve in one step. Each t is uniform on [0, 1]; one is drawn from every "
            "equal part of it."
        ),
    )
    lr: float = Field(
        0.25,
        gt=0,
        le=100,
        description=later("Rate of Adam, in deviations of the model's embeddings."),
    )
    beta1: float = Field(0.9, ge=0, lt=1, description="Adam's decay of the mean gradient.")
    beta2: float = Field(0.9, ge=0, lt=1, description="Adam's decay of the squared gradient.")
    clip: float | None = Field(
        None,
        gt=0,
        le=1e9,
        description="Largest gradient of one point of the curve, in nats per deviation of the "
        "embeddings, so that no point on a cliff drowns the others; none: no clipping.",
    )
    worst: float = Field(
        1.0,
        ge=0,
        le=16,
        description="How much more the worse points of a step count: the gradient at each is "
        "weighted by its loss to this power, as a share of that of all points of the step, so "
        "with one point it changes nothing; 0: all alike, as in the paper.",
    )
    schedule: Literal["constant", "cosine"] = Field(
        "cosine", description="Rate: kept, or a half cosine down to a twentieth at the last step."
    )
    finish_steps: int = Field(
        25,
        ge=0,
        le=1_000,
        description=later(
            "Steps that finish a curve which Adam's steps left unconnected. Each makes the "
            "smallest move that is expected to make every token right."
        ),
    )
    seed: int = Field(0, ge=0, lt=2**31, description="Decides the points that are drawn.")
    points: int = Field(
        61, ge=3, le=2001, description="Points of the even grid on which a path is measured."
    )
    look_every: int = Field(
        50, ge=1, le=100_000, description="Steps between two measurements on that grid."
    )
    stop_early: bool = Field(
        True,
        description=later(
            "End a curve once every token is right at every point of the grid, and halfway "
            "between any two."
        ),
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="Number format of the training. Auto takes bfloat16 where it pays; what is "
        "reported is measured in float32.",
    )

    def adam_steps(self, attempt: int) -> int:
        """Return the steps of Adam in an attempt, counted from 0."""
        return self.max_steps * int(LONGER**attempt)

    @property
    def to_finish(self) -> int:
        """Steps that finish a curve, in each attempt; none if nothing is to be trained."""
        return self.finish_steps if self.max_steps else 0

    @property
    def most_steps(self) -> int:
        """Steps of a curve that is never connected, in all attempts."""
        return sum(self.adam_steps(k) + self.to_finish for k in range(self.attempts))
