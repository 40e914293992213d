"""What a job is asked to do: one frozen, validated value for each kind."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from explorer.arrangements import ArrangementKey
from explorer.errors import BadInputError
from explorer.paths.pairs import MAX_PAIRS
from explorer.paths.recipe import PathRecipe
from explorer.recipes import Recipe

MAX_RESTARTS = 64
MAX_LENGTH = 2048
MAX_CHARACTERS = 200_000


class ReconstructSpec(BaseModel):
    """Train proto-tokens for one text: K restarts as rows of one batch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["reconstruct"] = "reconstruct"
    model: str = Field(description="Name, hub id or folder of the model.")
    text: str = Field(
        max_length=MAX_CHARACTERS, description="The text; its first tokens are the target."
    )
    length: int = Field(ge=1, le=MAX_LENGTH, description="N, the number of target tokens.")
    arrangement: ArrangementKey
    recipe: Recipe
    restarts: int = Field(ge=1, le=MAX_RESTARTS, description="K, trained side by side.")
    seed: int = Field(0, ge=0, lt=2**31, description="Restarts use seed … seed + K - 1.")
    title: str = Field("", max_length=300, description="Where the text comes from, in words.")
    source: str = Field("own", description="Key of the text's source.")


class BringSpec(BaseModel):
    """Bring a model (and, with the embedded one, Shakespeare's works) onto the disk."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["bring"] = "bring"
    model: str = Field(description="Name or hub id of the model.")


class GenerateSpec(BaseModel):
    """Let the model continue a context: multinomial, temperature 1 (checklist D4)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["generate"] = "generate"
    model: str = Field(description="Name, hub id or folder of the model.")
    context: str = Field(max_length=20_000, description="What the model reads before it writes.")
    length: int = Field(ge=1, le=MAX_LENGTH, description="Number of tokens to generate.")
    seed: int = Field(0, ge=0, lt=2**31, description="Seed of the sampling.")


class PathsSpec(BaseModel):
    """Connect pairs of solutions: straight line and trained curve of each (checklist E8)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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


class LandscapeSpec(BaseModel):
    """Measure the plane through two solutions and the control point of their curve."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["landscape"] = "landscape"
    paths: str = Field(description="A paths file, the id of the job that made it, or a record's.")
    pair: int = Field(0, ge=0, description="Which pair of that file.")
    level: int = Field(
        5, ge=3, le=8, description="The finest grid has 2**level + 1 points along each side."
    )


class RadiusSpec(BaseModel):
    """Walk away from one solution in random directions until it is no longer reconstructed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["radius"] = "radius"
    solution: str = Field(description="Id of the solution, or its file.")
    directions: int = Field(24, ge=1, le=512, description="Random unit vectors in [e; m].")
    points: int = Field(33, ge=2, le=513, description="Distances along each direction.")
    seed: int = Field(0, ge=0, lt=2**31, description="Seed of the directions.")


JobSpec = Annotated[
    ReconstructSpec | BringSpec | GenerateSpec | PathsSpec | LandscapeSpec | RadiusSpec,
    Field(discriminator="kind"),
]
_adapter: TypeAdapter[JobSpec] = TypeAdapter(JobSpec)


def parse(text: str) -> JobSpec:
    """Read a job spec from JSON.

    Raises:
        BadInputError: if a field is missing, unknown or out of range.
    """
    try:
        return _adapter.validate_json(text)
    except ValidationError as error:
        raise BadInputError(in_words(error)) from error


def in_words(error: ValidationError) -> str:
    """Say what is wrong with a setting in one sentence."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if not where:
        return f"These settings cannot be read: {first['msg']}."
    return f"The setting “{where}” cannot be used: {first['msg']}."
