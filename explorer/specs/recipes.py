"""Recipes: how proto-tokens are trained. One frozen value; presets are instances of it."""

import hashlib
import json
from typing import Any, Literal, Self

from pydantic import Field

from explorer.base.errors import BadInputError
from explorer.base.language import later, tr
from explorer.base.value import Value

THRESHOLD = 0.99
"""Token accuracy from which a length counts as reconstructed (Q3), a vector as one to share (F3), a
curve as connected (F10), and up to which a radius reaches."""


class Recipe(Value):
    """Every setting of one optimisation.

    `embedding std` is the mean standard deviation of the model's input embeddings per dimension;
    a rate given in that unit suits a model whose embeddings have any scale.
    """

    name: str = Field(
        "custom", description=later("What this recipe is called in tables and files.")
    )
    recorded_as: str | None = Field(
        None,
        exclude_if=lambda value: value is None,
        description=later(
            "Name that it was recorded under, where that name means something else by now; "
            "ids of that time were made with it."
        ),
    )
    init: Literal["normal", "embeddings"] = Field(
        description=later(
            "Where e and m start: N(0, 1), or around the mean of the input embeddings "
            "with their spread."
        )
    )
    init_scale: float = Field(
        1.0, ge=0, le=100, description=later("Multiplies the spread of the starting point.")
    )
    target_in_e: float = Field(
        0.0,
        ge=0,
        le=100,
        exclude_if=lambda value: value == 0.0,  # recipes of before are written as they were
        description=later(
            "How far e's start leans toward the mean input embedding of the target's "
            "tokens, in embedding std per dimension; 0: e knows nothing of the target."
        ),
    )
    known_m: float | None = Field(
        None,
        gt=0,
        le=100,
        exclude_if=lambda value: value is None,
        description=later(
            "m starts in the direction of an m that ships for the model and was trained on "
            "other texts, a different one for each seed. This is its length, in embedding std per "
            "dimension. None, or a model without such vectors: m starts like e."
        ),
    )
    known_e: float = Field(
        0.0,
        ge=0,
        le=1,
        exclude_if=lambda value: value == 0.0,
        description=later(
            "How close e's start is to the e that ships beside that m, before it leans "
            "toward the target: the cosine between the two. The rest stays random."
        ),
    )
    lr: float = Field(gt=0, le=100, description=later("Learning rate of AdamW."))
    lr_unit: Literal["absolute", "embedding std"] = Field(
        "absolute", description=later("Unit of both learning rates.")
    )
    beta1: float = Field(0.9, ge=0, lt=1, description=later("AdamW's decay of the mean gradient."))
    beta2: float = Field(
        0.9, ge=0, lt=1, description=later("AdamW's decay of the squared gradient.")
    )
    eps: float = Field(1e-8, gt=0, le=1, description=later("AdamW's epsilon."))
    weight_decay: float = Field(
        0.0, ge=0, le=10, description=later("AdamW's decoupled weight decay.")
    )
    warmup_steps: int = Field(0, ge=0, le=100_000, description=later("Steps of linear warm-up."))
    schedule: Literal["constant", "cosine"] = Field(
        "constant",
        description=later("Rate after warm-up: kept, or a half cosine down to a twentieth."),
    )
    ease_below: float | None = Field(
        None,
        gt=0,
        le=100,
        description=later(
            "Mean loss in nats below which a restart's rate falls with the square root of "
            "its loss; none: the rate does not depend on the loss."
        ),
    )
    max_steps: int = Field(
        5000, ge=1, le=1_000_000, description=later("Steps after which a restart ends.")
    )
    halve_at: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description=later(
            "Step from which the worse half of a text's restarts pauses, or all but one "
            "that is far ahead, when the first exact restart is enough; none: all go on."
        ),
    )
    rest_above: float | None = Field(
        None,
        ge=1,
        le=1_000_000,
        exclude_if=lambda value: value is None,
        description=later(
            "Loss above which a restart pauses after the warm-up, as a multiple of the leader's, "
            "when the first exact restart is enough; none: all go on until the worse half pauses."
        ),
    )
    clip: float | None = Field(
        None,
        gt=0,
        le=1e9,  # JSON has no infinity
        description=later("Largest gradient norm of one vector; none: no clipping."),
    )
    flatten: float = Field(
        0.0,
        ge=0,
        le=1,
        description=later(
            "Share of a gradient's size that is taken out before AdamW sees it, as a power "
            "of its norm: 0 leaves it as it is, 1 makes every step's gradient equally long."
        ),
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description=later(
            "Number format in which the search runs. Auto takes bfloat16 where a timed "
            "product says it pays. Results are confirmed in float32 either way."
        ),
    )
    finish_lr: float | None = Field(
        None,
        gt=0,
        le=100,
        description=later(
            "Rate of the last float32 steps of a restart that is exact in the faster "
            "format; none: the optimizer goes on unchanged."
        ),
    )
    finish_margin: float = Field(
        1e-3,
        ge=0,
        le=10,
        description=later(
            "Least float32 logit lead of every target token over the runner-up at which a "
            "restart ends, so that another machine's rounding cannot undo it. One that is out of "
            "steps, or is stopped, counts as exact at any lead."
        ),
    )

    @property
    def settings(self) -> dict[str, Any]:
        """Every field that decides what is trained: all but its names."""
        return self.model_dump(exclude=set(NAMES))

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits that its fields, and they alone, decide.

        It stands beside the name wherever a recipe is shown: names can be given to anything.
        """
        said = json.dumps(self.settings, sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()[:8]

    @property
    def title(self) -> str:
        """Its name, checked against its fields.

        A preset's name on other fields is “fast, modified”; on another preset's, or on fields that
        are nearer to those, it is “independent, recorded as fast”. Names of a person's own stand.
        """
        recorded = self.recorded_as or self.name
        base = self.name.partition(",")[0]
        if base not in PRESETS:
            return self.name if recorded == self.name else f"{self.name}, recorded as {recorded}"
        presets = (*PRESETS.values(), *EARLIER)
        nearest = min(presets, key=lambda p: (self._differs(p), p.name != base))
        modified = ", modified" if self._differs(nearest) else ""
        if nearest.name.partition(",")[0] != base:
            return f"{nearest.name}{modified}, recorded as {recorded}"
        said = f"{nearest.name}{modified}" if self.name == base else self.name
        return said if recorded == self.name else f"{said}, recorded as {recorded}"

    @property
    def short_title(self) -> str:
        """Its title for a sentence that gives the steps itself: without those of its name."""
        return self.title.replace(f", {self.max_steps} steps", "")

    @property
    def shown(self) -> dict[str, Any]:
        """Everything about it for tables: its title as `name`, its digest, and every setting."""
        return {"name": self.title, "digest": self.digest, **self.settings}

    @property
    def informed(self) -> bool:
        """Whether starts know something of the target, or of what worked for other texts."""
        return bool(self.target_in_e) or self.known_m is not None

    @property
    def rests_from(self) -> int | None:
        """Step from which some restarts of a text may rest; None: none ever does."""
        return self.halve_at if self.rest_above is None else self.warmup_steps

    @property
    def as_recorded(self) -> Self:
        """The same under the name that it was recorded under, as ids were made of it."""
        if self.recorded_as is None:
            return self
        return self.model_copy(update={"name": self.recorded_as, "recorded_as": None})

    def _differs(self, other: "Recipe") -> int:
        """Return how many settings differ."""
        return sum(getattr(self, name) != getattr(other, name) for name in SETTINGS)


NAMES = ("name", "recorded_as")
SETTINGS = tuple(name for name in Recipe.model_fields if name not in NAMES)

PAPER = Recipe(
    name="paper",
    init="normal",
    lr=0.01,
    beta1=0.9,
    beta2=0.9,
    weight_decay=0.01,
    schedule="constant",
    max_steps=5000,
)
"""H1-H3 of the checklist."""

INDEPENDENT = Recipe(
    name="independent",
    init="embeddings",
    init_scale=1.37,
    lr=0.8,
    lr_unit="embedding std",
    warmup_steps=30,
    schedule="cosine",
    ease_below=4.0,
    flatten=0.5,
    max_steps=800,
    halve_at=40,
    finish_lr=0.03,
)
"""Starts where embeddings live, with rates in their own unit; chosen in `benchmarks/README.md`.

On the embedded model, whose embeddings have a deviation of 0.1, the rate is 0.08. Its starts know
neither the target nor other solutions, so where solutions lie and what they hold is not a matter of
where they started: the recipe of sets and experiments.
"""

FAST = INDEPENDENT.model_copy(
    update={
        "name": "fast",
        "target_in_e": 1.0,
        "known_m": 1.5,
        "known_e": 0.96,
        "warmup_steps": 8,
        "halve_at": 30,
        "rest_above": 1.15,
    }
)
"""The same from starts that know something: a third fewer steps on the embedded model, and the
first to be exact stand out sooner, so that most rest from the eighth step on. Such starts also need
less of a warm-up."""

PRESETS: dict[str, Recipe] = {recipe.name: recipe for recipe in (FAST, INDEPENDENT, PAPER)}
_ALL_TO_20 = FAST.model_copy(
    update={"name": "fast, all to step 20", "halve_at": 20, "rest_above": None}
)
EARLIER = (
    _ALL_TO_20,
    _ALL_TO_20.model_copy(update={"name": "fast, longer warm-up", "warmup_steps": 30}),
)
"""Presets as they were, named by what tells them from today's. Files hold them as “fast”.

Digests of names and of these are pinned in `tests/explorer/specs/test_recipes.py`: a preset whose
fields change goes on here. Records from before 27 November 2026, when `fast` was `independent`, say
so in `recorded_as`.
"""


def preset(name: str) -> Recipe:
    """Return the preset called `name`.

    Raises:
        BadInputError: if there is none.
    """
    if name not in PRESETS:
        raise BadInputError(
            tr(
                "There is no recipe “{name}”. Choose one of: {names}.",
                name=name,
                names=", ".join(PRESETS),
            )
        )
    return PRESETS[name]
