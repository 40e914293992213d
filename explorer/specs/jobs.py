"""What a job is asked to do: one frozen, validated value for each kind."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from explorer.base.errors import BadInputError
from explorer.base.value import Value, in_words
from explorer.specs.arrangements import ArrangementChoice
from explorer.specs.curves import PathRecipe
from explorer.specs.experiments import Settings
from explorer.specs.recipes import Recipe
from explorer.specs.texts import AbsolutePath, Source

MAX_RESTARTS = 64
MAX_LENGTH = 2048
MAX_CHARACTERS = 200_000
MAX_PAIRS = 500


class ReconstructSpec(Value):
    """Train proto-tokens for one text: K restarts as rows of one batch."""

    kind: Literal["reconstruct"] = "reconstruct"
    model: str = Field(description="Name, hub id or folder of the model.")
    text: str = Field(
        max_length=MAX_CHARACTERS, description="The text; its first tokens are the target."
    )
    length: int = Field(ge=1, le=MAX_LENGTH, description="N, the number of target tokens.")
    arrangement: ArrangementChoice = Field(
        "auto",
        description="How e and m are laid out; auto: with recipe fast the quickest, else the "
        "paper's way or the nearest to it that suits the model.",
    )
    recipe: Recipe
    restarts: int = Field(ge=1, le=MAX_RESTARTS, description="K, trained side by side.")
    seed: int = Field(0, ge=0, lt=2**31, description="Restarts use seed … seed + K - 1.")
    until: Literal["first", "all"] = Field(
        "all", description="first: once one restart is exact the others end where they are."
    )
    title: str = Field("", max_length=300, description="Where the text comes from, in words.")
    source: str = Field("own", description="Key of the text's source.")


class DownloadSpec(Value):
    """Download a model and, with the embedded one, Shakespeare's works."""

    kind: Literal["bring"] = "bring"
    model: str = Field(description="Name or hub id of the model.")


class GenerateSpec(Value):
    """Let the model continue a context: multinomial, temperature 1 (checklist D4)."""

    kind: Literal["generate"] = "generate"
    model: str = Field(description="Name, hub id or folder of the model.")
    context: str = Field(max_length=20_000, description="What the model reads before it writes.")
    length: int = Field(ge=1, le=MAX_LENGTH, description="Number of tokens to generate.")
    seed: int = Field(0, ge=0, lt=2**31, description="Seed of the sampling.")


class GatheredText(Value):
    """A text that a person puts into a solution set."""

    text: str = Field(max_length=MAX_CHARACTERS, description="Its first tokens are the target.")
    context: str = Field(
        "", max_length=300, description="Texts with the same words here share a context."
    )
    title: str = Field("", max_length=300, description="Where it comes from, in words.")
    source: Source = Field("own", description="Key of the text's source.")


class SolveSetSpec(Value):
    """Make a solution set after checklist E6: contexts x continuations x restarts.

    Each context has `continuations` texts by the model itself (multinomial, temperature 1): one
    solution for each but the last, `restarts` solutions for the last. Or `texts` are gathered by a
    person. With `restarts_of` every, each text has so many.
    """

    kind: Literal["solve-set"] = "solve-set"
    model: str = Field(description="Name, hub id or folder of the model.")
    source: Source = Field("seen", description="Where the contexts are drawn from.")
    path: AbsolutePath | None = Field(
        None,
        description="For the sources corpus and random: a folder of texts, a .jsonl file or a "
        "GloVe file.",
    )
    contexts: int = Field(8, ge=1, le=500, description="C, how many contexts.")
    continuations: int = Field(6, ge=1, le=100, description="G, texts for each context.")
    restarts: int = Field(8, ge=1, le=MAX_RESTARTS, description="R, solutions of the last text.")
    restarts_of: Literal["last", "every"] = Field(
        "last",
        exclude_if=lambda value: value == "last",  # sets of before go on under their id
        description="Which texts of a context have R solutions; the others have one.",
    )
    context_length: int = Field(
        64, ge=1, le=MAX_LENGTH, description="Tokens of a context that the model reads."
    )
    texts: tuple[GatheredText, ...] = Field(
        (), max_length=500, description="Gathered texts, instead of contexts and continuations."
    )
    length: int = Field(ge=1, le=MAX_LENGTH, description="N, target tokens of every text.")
    regime: Literal["shared", "free"] = Field(
        description="Shared: one m for the whole set, each e its own (the paper's default). "
        "Free: each solution has its own e and m."
    )
    m_from: int | None = Field(
        None,
        ge=1,
        description="Learn the shared m on this many texts, then freeze it for the others: faster, "
        "and a deviation from the paper. Without it all e and one m are trained jointly.",
    )
    joint_until: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Joint training ends when this share of its rows is exact at once; the other "
        "e then finish alone with m frozen.",
    )
    attempts: int = Field(
        3, ge=1, le=20, description="Seeds tried before a solution counts as not found."
    )
    arrangement: ArrangementChoice = Field(
        "auto",
        description="How e and m are laid out; auto: the paper's way, or the nearest to it that "
        "suits the model.",
    )
    recipe: Recipe
    seed: int = Field(0, ge=0, lt=2**30, description="Decides contexts, sampling and starts.")

    @model_validator(mode="after")
    def _m_from_goes_with_shared(self) -> Self:
        if self.m_from is not None and self.regime == "free":
            raise ValueError("m_from goes with the shared regime; leave it out, or share m")
        return self

    @property
    def rows(self) -> int:
        """How many solutions are wanted."""
        count, last = self.contexts * self.continuations, self.contexts
        if self.texts:
            count = len(self.texts)
            last = len({t.context or f"\0{i}" for i, t in enumerate(self.texts)})
        return count + (count if self.restarts_of == "every" else last) * (self.restarts - 1)


class _OfSetSpec(Value):
    set: str = Field(description="Id of the set, or its folder.")

    @property
    def model(self) -> str:
        """What a list of jobs shows where others name a model."""
        return f"set {self.set}"


class DistancesSpec(_OfSetSpec):
    """Compute the distances of a set with their statistics (E6, E7)."""

    kind: Literal["distances"] = "distances"


class DepthSpec(_OfSetSpec):
    """Compare the solutions of a set by their hidden states, layer by layer."""

    kind: Literal["depth"] = "depth"


class RolesSpec(_OfSetSpec):
    """Measure what e and m of a set carry: probes, swaps, noise."""

    kind: Literal["roles"] = "roles"


class MapSpec(Value):
    """Lay the solutions of one or several sets out in two or three dimensions."""

    kind: Literal["map"] = "map"
    sets: tuple[str, ...] = Field(min_length=1, max_length=20, description="Ids of the sets.")
    method: Literal["pca", "umap"] = Field("pca", description="PCA or UMAP.")
    vector: Literal["e", "m", "both"] = Field("e", description="Which proto-tokens.")
    dimensions: Literal[2, 3] = Field(2, description="Of the picture.")
    neighbours: int = Field(10, ge=2, le=200, description="UMAP: how many count as near.")
    min_distance: float = Field(
        0.1, ge=0, le=0.99, description="UMAP: how close points may lie in the picture."
    )
    metric: Literal["cosine", "euclidean"] = Field(
        "cosine", description="UMAP: distance in the full space."
    )
    seed: int = Field(0, ge=0, lt=2**31, description="UMAP: of its random choices.")
    inexact: bool = Field(False, description="Show attempts that are not exact as well.")
    place: Literal["e", "m", "last"] | None = Field(
        None,
        exclude_if=lambda value: value is None,  # maps of before are found under their key
        description="A map of hidden states instead, after every layer: where e stands, where m "
        "stands, or at the last position.",
    )

    @property
    def model(self) -> str:
        """What a list of jobs shows where others name a model."""
        return f"sets {', '.join(self.sets)}"

    @property
    def noun(self) -> str:
        """What its points are: an attempt that is not exact is no solution."""
        return "attempt" if self.inexact else "solution"


class PathsSpec(Value):
    """Connect pairs of solutions: straight line and trained curve of each (checklist E8)."""

    kind: Literal["paths"] = "paths"
    pairs: tuple[tuple[str, str], ...] = Field(
        default=(),
        max_length=MAX_PAIRS,
        description="Ends of every path: ids of solutions, or their files.",
    )
    train: ReconstructSpec | None = Field(
        None, description="Instead of pairs: train this first and connect its first two exact ones."
    )
    curve: Literal["bezier", "two-bends"] = Field("bezier", description="The curve to train.")
    recipe: PathRecipe = PathRecipe()


class LandscapeSpec(Value):
    """Measure the plane through two solutions and the control point of their curve."""

    kind: Literal["landscape"] = "landscape"
    paths: str = Field(description="A paths file, the id of the job that made it, or a record's.")
    pair: int = Field(0, ge=0, description="Which pair of that file.")
    level: int = Field(
        5, ge=3, le=8, description="The finest grid has 2**level + 1 points along each side."
    )


class RadiusSpec(Value):
    """Walk away from one solution in random directions until it is no longer reconstructed."""

    kind: Literal["radius"] = "radius"
    solution: str = Field(description="Id of the solution, or its file.")
    directions: int = Field(24, ge=1, le=512, description="Random unit vectors in [e; m].")
    points: int = Field(33, ge=2, le=513, description="Distances along each direction.")
    seed: int = Field(0, ge=0, lt=2**31, description="Seed of the directions.")


class InsideSpec(Value):
    """Look inside the forward pass of one solution: lens, attention, what is needed."""

    kind: Literal["inside"] = "inside"
    solution: str = Field(description="Id of the solution, or its file.")
    other: str | None = Field(
        None,
        description="Another solution to swap e and m with: its id or file. Without it up to two "
        "are found, one of another text and one of this.",
    )
    depths: int = Field(
        10, ge=1, le=256, description="At how many layers attention to e is cut, evenly spread."
    )
    draws: int = Field(2, ge=1, le=32, description="Random directions of noise on e, m and both.")
    write: bool = Field(
        False, description="Also let the model go on writing after e and m, and answer questions."
    )
    tokens: int = Field(16, ge=1, le=256, description="How many tokens it writes each time.")
    seed: int = Field(0, ge=0, lt=2**31, description="Seed of the directions.")


class ExperimentSpec(Value):
    """Run one of the paper's experiments, or go on with it."""

    kind: Literal["experiment"] = "experiment"
    settings: Settings
    preset: str = Field("custom", max_length=40, description="Name of the preset it is.")

    @property
    def model(self) -> str:
        """Name, hub id or folder of the model."""
        return self.settings.model


JobSpec = Annotated[
    ReconstructSpec
    | DownloadSpec
    | GenerateSpec
    | SolveSetSpec
    | DistancesSpec
    | DepthSpec
    | RolesSpec
    | MapSpec
    | PathsSpec
    | LandscapeSpec
    | RadiusSpec
    | InsideSpec
    | ExperimentSpec,
    Field(discriminator="kind"),
]
_adapter: TypeAdapter[JobSpec] = TypeAdapter(JobSpec)


def names_in(spec: BaseModel) -> Iterator[tuple[str, str]]:
    """Yield every name by which a spec, or one within it, asks for something that is stored.

    Each with what it is of: a model, a solution, a set or paths by id or path, or plainly a path.
    """
    for field, part in spec:
        match field, part:
            case (("model" | "solution" | "set" | "paths"), str()):
                yield field, part
            case "other", str():
                yield "solution", part
            case "path", Path():
                yield "path", str(part)
            case "sets", tuple():
                yield from (("set", name) for name in part)
            case "pairs", tuple():
                yield from (("solution", end) for pair in part for end in pair)
            case _, BaseModel():
                yield from names_in(part)


def parse(text: str) -> JobSpec:
    """Read a job spec from JSON.

    Raises:
        BadInputError: if a field is missing, unknown or out of range.
    """
    try:
        return _adapter.validate_json(text)
    except ValidationError as error:
        raise BadInputError(in_words(error)) from error
