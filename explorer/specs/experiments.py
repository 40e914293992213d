"""What a person can set about each experiment: one frozen, validated value for each."""

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

from explorer.base.language import later
from explorer.base.value import Value
from explorer.specs.arrangements import PAPER_KEYS, ArrangementChoice, ArrangementKey, LayoutChoice
from explorer.specs.recipes import INDEPENDENT, Recipe
from explorer.specs.texts import Source

LADDER = (4, 5, 8, 11, 16, 22, 32, 45, 64, 90, 128, 181, 256, 362, 512, 724, 1024, 1448)
"""Lengths at which capacity is tried (H5)."""

LAID_OUT = later(
    "How e and m are laid out; auto: the paper's way, or the nearest to it that suits the model."
)

Name = Literal["arrangements", "sharing", "capacity", "throughput", "training-time", "readout"]


def _rising(lengths: tuple[int, ...]) -> tuple[int, ...]:
    if list(lengths) != sorted(set(lengths)) or lengths[0] < 1:
        raise ValueError(later("give different lengths of at least 1, the shortest first"))
    return lengths


def _different(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) != len(values):
        raise ValueError(later("each can be named once"))
    return values


Lengths = Annotated[tuple[int, ...], Field(min_length=1, max_length=40), AfterValidator(_rising)]
Drawn = Annotated[tuple[Source, ...], Field(min_length=1, max_length=7), AfterValidator(_different)]
Restarts = Annotated[
    int, Field(ge=1, le=64, description=later("Restarts of each text; the best one counts."))
]


class _Settings(Value):
    model: str = Field(description=later("Name, hub id or folder of the model."))
    seed: int = Field(
        0,
        ge=0,
        lt=2**30,
        description=later(
            "Decides which texts are drawn, how they are sampled, and where restarts begin."
        ),
    )

    @property
    def longest(self) -> int:
        """The longest N that is asked."""
        lengths: tuple[int, ...] = getattr(self, "lengths", getattr(self, "ladder", ()))
        return max(lengths, default=getattr(self, "length", 1))

    @property
    def drawn_from(self) -> tuple[str, ...]:
        """Where the texts come from; nowhere if there are none."""
        one = (self.source,) if hasattr(self, "source") else ()
        found: tuple[str, ...] = getattr(self, "sources", one)
        return found


class _Trained(_Settings):
    recipe: Recipe = Field(INDEPENDENT, description=later("How proto-tokens are trained."))


class ArrangementsSettings(_Trained):
    """Accuracy over N for A1 to A5 on the same texts (E1, table 1)."""

    experiment: Literal["arrangements"] = "arrangements"
    arrangements: Annotated[
        tuple[ArrangementKey, ...], Field(min_length=1), AfterValidator(_different)
    ] = Field(PAPER_KEYS, description=later("Which arrangements."))
    lengths: Lengths = Field((1, 2, 4, 8, 16, 32), description=later("N, shortest first."))
    source: Source = Field("seen", description=later("Where the texts come from."))
    texts: int = Field(6, ge=1, le=200, description=later("How many texts."))
    restarts: Restarts = 1


class SharingSettings(_Trained):
    """Groups of texts that share e or m (E2, table 2)."""

    model_config = ConfigDict(validate_default=True)

    experiment: Literal["sharing"] = "sharing"
    arrangement: ArrangementChoice = Field("e+mN", description=LAID_OUT)
    shared: Annotated[
        tuple[Literal["e", "m"], ...], Field(min_length=1), AfterValidator(_different)
    ] = Field(("e", "m"), description=later("What the texts of a group have in common."))
    group_sizes: Lengths = Field((1, 4, 16), description=later("S_g, texts in a group."))
    length: int = Field(16, ge=1, le=2048, description=later("N of every text."))
    source: Source = Field("seen", description=later("Where the texts come from."))
    texts: int = Field(16, ge=1, le=1024, description=later("How many texts, over all groups."))
    restarts: int = Field(2, ge=2, le=64, description=later("Restarts of every group."))

    @field_validator("texts")
    @classmethod
    def _fill_the_groups(cls, texts: int, info: ValidationInfo) -> int:
        over = [size for size in info.data.get("group_sizes", ()) if texts % size]
        if over:
            said = later(
                "{texts} texts cannot be put in groups of {size} with none left over; choose a "
                "number of texts that every group size divides"
            )
            raise ValueError(said.format(texts=texts, size=over[0]))
        return texts


class CapacitySettings(_Trained):
    """The longest text that can be held, in one forward pass and token by token (E3, E4, E10)."""

    experiment: Literal["capacity"] = "capacity"
    arrangement: ArrangementChoice = Field("e+mN", description=LAID_OUT)
    sources: Drawn = Field(
        ("random", "unseen", "seen", "generated"), description=later("Text sources.")
    )
    schemes: Annotated[
        tuple[Literal["m free", "m shared", "one mem", "two mem"], ...],
        Field(min_length=1),
        AfterValidator(_different),
    ] = Field(
        ("m free", "one mem", "two mem", "m shared"),
        description=later(
            "What is trained: e and m of each text, one m for all texts, or the "
            "autoregressive baseline with one or two memory vectors."
        ),
    )
    layout: LayoutChoice = Field(
        "mem",  # of runs from before it had a name; presets leave it to the probe
        description=later(
            "What stands first in the baseline: its memory vectors (mem), or a token, BOS "
            "where there is one (bos+mem); auto: mem if the model's first position can output any "
            "token, else bos+mem."
        ),
    )
    ladder: Lengths = Field(LADDER, description=later("Lengths to climb, until one fails (H5)."))
    texts: int = Field(2, ge=1, le=200, description=later("Texts of each source."))
    restarts: Restarts = 2
    failures: int = Field(
        1,
        ge=1,
        le=10,
        exclude_if=lambda value: value == 1,  # runs from before it had a name go on
        description=later("Lengths in a row at which a text fails before its ladder ends."),
    )


class ThroughputSettings(_Settings):
    """One forward pass against generation token by token (E5)."""

    experiment: Literal["throughput"] = "throughput"
    arrangement: ArrangementChoice = Field("e+mN", description=LAID_OUT)
    lengths: Lengths = Field((8, 16, 32, 64, 128, 256), description=later("N, shortest first."))
    repeats: int = Field(5, ge=3, le=100, description=later("Timings of each; the median counts."))


class TrainingTimeSettings(_Trained):
    """How long a text takes until it is exact, over N (E11)."""

    experiment: Literal["training-time"] = "training-time"
    arrangement: ArrangementChoice = Field("e+mN", description=LAID_OUT)
    lengths: Lengths = Field((8, 16, 32, 64, 128, 256), description=later("N, shortest first."))
    source: Source = Field("seen", description=later("Where the texts come from."))
    texts: int = Field(2, ge=1, le=200, description=later("How many texts."))
    restarts: int = Field(
        2, ge=1, le=64, description=later("Restarts of each text; the first exact one counts.")
    )


class ReadoutSettings(_Trained):
    """What the model goes on to write after the proto-tokens of a text (E12)."""

    experiment: Literal["readout"] = "readout"
    arrangement: ArrangementChoice = Field("e+mN", description=LAID_OUT)
    source: Source = Field("seen", description=later("Where the contexts come from."))
    contexts: int = Field(6, ge=1, le=200, description=later("How many contexts."))
    context_length: int = Field(64, ge=1, le=2048, description=later("Tokens of a context."))
    length: int = Field(
        16, ge=1, le=1024, description=later("N: the first half of a continuation, trained on.")
    )
    restarts: Restarts = 2


Settings = Annotated[
    ArrangementsSettings
    | SharingSettings
    | CapacitySettings
    | ThroughputSettings
    | TrainingTimeSettings
    | ReadoutSettings,
    Field(discriminator="experiment"),
]
