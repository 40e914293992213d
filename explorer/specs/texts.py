"""Names for texts: each spec is one frozen value from which a passage can be drawn again.

Every source but one's own text is a sequence of passages in an order that the seed sets;
`index` walks along it. `characters` says where a passage is cut and nothing else: a longer
passage begins with the shorter one.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    TypeAdapter,
    ValidationError,
)

from explorer.base.errors import BadInputError
from explorer.base.language import later, tr
from explorer.base.value import Value, wrong_number
from explorer.specs.cleaning import clean

Source = Literal["own", "seen", "pg19", "unseen", "random", "corpus", "generated"]

SOURCES: dict[Source, str] = {
    "own": later("Own text"),
    "seen": later("Shakespeare (seen in training)"),
    "pg19": later("PG-19 books (seen in training, needs the hub)"),
    "unseen": later("Written for this project (unseen)"),
    "random": later("Random words"),
    "corpus": later("A corpus of one's own"),
    "generated": later("The model's own continuation"),
}
"""Every source with the words it goes by."""

PASSAGE_CHARACTERS = 4_000
"""Usual length of a passage: 900 to 1,300 tokens of English."""


def _absolute(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError(later("it holds a NUL character"))
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:
        raise ValueError(later("the home folder in it is unknown")) from error


CleanText = Annotated[str, BeforeValidator(lambda t: clean(t) if isinstance(t, str) else t)]

AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
"""A path that means the same in a process with another working folder."""

Seed = Annotated[int, Field(ge=0, lt=2**63)]


class OwnSpec(Value):
    """A text that was typed, pasted or uploaded."""

    source: Literal["own"] = "own"
    text: CleanText = Field(description="The whole text, cleaned.")
    title: CleanText = Field("Own text", description="What to call it: a file's name, say.")


class _DrawnSpec(Value):
    index: int = Field(0, ge=0, description="Which passage in that order, from 0.")
    characters: int = Field(
        PASSAGE_CHARACTERS,
        ge=1,
        le=1_000_000,
        description="Most characters of the passage; it ends with a whole word.",
    )


class _SeededSpec(_DrawnSpec):
    seed: Seed = Field(0, description="Sets the order of the source's passages.")


class SeenSpec(_SeededSpec):
    """Shakespeare: text that every model has seen, and that needs no hub."""

    source: Literal["seen"] = "seen"


class PG19Spec(_SeededSpec):
    """A book of PG-19's test split (D3), streamed from the hub."""

    source: Literal["pg19"] = "pg19"


class UnseenSpec(_DrawnSpec):
    """A passage written for this project, which no model can have seen."""

    source: Literal["unseen"] = "unseen"
    seed: Seed | None = Field(
        0, description="Sets the order of the passages; none: the order in which they ship."
    )


class RandomSpec(_SeededSpec):
    """Words drawn uniformly from the most frequent 100,000 (D1)."""

    source: Literal["random"] = "random"
    path: AbsolutePath | None = Field(
        None, description="A GloVe file, as in the paper; none: wordfreq's English list."
    )


class CorpusSpec(_SeededSpec):
    """The beginning of one text of a corpus of one's own."""

    source: Literal["corpus"] = "corpus"
    path: AbsolutePath = Field(
        description='A folder of .txt files, or a .jsonl file with a "text" in every line.'
    )


ContextSpec = Annotated[
    OwnSpec | SeenSpec | PG19Spec | UnseenSpec | RandomSpec | CorpusSpec,
    Field(discriminator="source"),
]


class GeneratedSpec(Value):
    """A model's own continuation of a context (D4): multinomial sampling at temperature 1.

    This only says what is wanted. The worker, which owns the model, samples it; the same spec
    gives the same tokens with the same model, device and number format.
    """

    source: Literal["generated"] = "generated"
    context: ContextSpec = Field(description="The passage to be continued.")
    context_length: int = Field(
        ge=1, le=100_000, description="Tokens of the passage that the model reads."
    )
    length: int = Field(ge=1, le=100_000, description="Tokens to sample; the paper: as many.")
    seed: Seed = Field(0, description="Seed of the sampling.")


TextSpec = Annotated[
    OwnSpec | SeenSpec | PG19Spec | UnseenSpec | RandomSpec | CorpusSpec | GeneratedSpec,
    Field(discriminator="source"),
]
"""Any of them, told apart by `source`."""

_TEXT_SPEC: TypeAdapter[TextSpec] = TypeAdapter(TextSpec)


def make_spec(source: str, **fields: Any) -> TextSpec:
    """Return the spec of `source` with these fields, validated.

    Raises:
        BadInputError: if the source or a field is unknown, missing or out of range.
    """
    if source not in SOURCES:
        raise BadInputError(
            tr(
                "There is no text source “{source}”. Choose one of: {names}.",
                source=source,
                names=", ".join(SOURCES),
            )
        )
    try:
        return _TEXT_SPEC.validate_python({"source": source, **fields})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"][1:]) or "text"
        if said := wrong_number(first, name):
            raise BadInputError(said) from error
        if first["type"] == "extra_forbidden":
            raise BadInputError(
                tr("The text source “{source}” has no setting “{name}”.", source=source, name=name)
            ) from error
        if first["type"] == "missing":
            raise BadInputError(
                tr(
                    "The text source “{source}” needs the setting “{name}”.",
                    source=source,
                    name=name,
                )
            ) from error
        reason = tr(first["msg"].removeprefix("Value error, "))
        raise BadInputError(
            tr(
                "The setting “{name}” of the text source “{source}” cannot be used: {reason}.",
                name=name,
                source=source,
                reason=f"{reason[0].lower()}{reason[1:]}",
            )
        ) from error
