"""What is known about a set of paths besides its numbers."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import Field, field_validator, model_validator

from explorer.assets.tokenizing import Tokenizer
from explorer.base.language import tr
from explorer.base.provenance import Recorded
from explorer.base.tensor_files import TensorFormat
from explorer.base.value import Value
from explorer.paths.curves import CurveKind
from explorer.paths.pairs import text_key
from explorer.solutions.solution import Solution, now
from explorer.specs.arrangements import ArrangementKey
from explorer.specs.curves import PathRecipe

H = TypeVar("H", bound=Recorded)

TWICE, HALFWAY = "two measurements in a row", "one measurement, and halfway between its points"
"""What had to be without a wrong token for a curve to end: until 29 November 2026, and since."""


class TextInfo(Value):
    """A target that several solutions share."""

    text: str = Field(description="The target, decoded.")
    title: str = Field("", description="Where the text comes from, in words.")
    target_ids: list[int] = Field(description="N token ids.")
    groups: list[tuple[int, int, str]] = Field(
        default=[], description="Target tokens that show as one: start, stop, text."
    )

    @classmethod
    def of(cls, solution: Solution, tokenizer: Tokenizer) -> Self:
        """Return the text of a solution, its tokens grouped by the model's tokenizer."""
        ids = solution.target_ids.tolist()
        return cls(
            text=solution.record.text,
            title=solution.record.title,
            target_ids=ids,
            groups=[(g.start, g.stop, g.text) for g in tokenizer.groups(ids)],
        )


class SolutionInfo(Value):
    """One end of a path."""

    id: str = Field(description="The solution's id.")
    seed: int = Field(description="The seed of its restart.")
    text: int = Field(description="Index of its text.")


class MeasuredHeader(Recorded):
    """What is known, besides its numbers, about whatever is measured at solutions."""

    schema_version: Literal[1] = 1
    model: str = Field(description="Name of the model, as `--model` takes it.")
    fingerprint: str = Field(description="SHA-256 of the model's stored weights.")
    confirmed_in: str = Field("float32", description="Number format of everything measured.")
    device: str = "cpu"
    created: str = Field("", description="UTC time, ISO 8601.")
    job: str | None = None


class BetweenHeader(MeasuredHeader):
    """The same about what is measured between the solutions of one arrangement."""

    arrangement: ArrangementKey
    sink: int | None = Field(
        None,
        ge=0,
        lt=2**31,
        exclude_if=lambda value: value is None,
        description="Id of the token before e, in an arrangement that has one.",
    )
    pieces: dict[int, str] = Field(default={}, description="What every token id in it says.")
    seconds: float = Field(0.0, description="Compute time so far.")


def listed(form: TensorFormat[H]) -> Callable[[Path], H]:
    """Return what reads headers of a kind of file for a list: without `pieces`, which are long."""
    return lambda file: form.read_header(file).model_copy(update={"pieces": {}})


class PathsHeader(BetweenHeader):
    """What is known about a set of paths besides its numbers."""

    kind: CurveKind = Field(description="The trained curve; the other path is the straight line.")
    recipe: PathRecipe
    texts: list[TextInfo]
    solutions: list[SolutionInfo]
    pairs: list[tuple[int, int]] = Field(description="Indices of the two ends of each path.")
    searched_in: str = Field("float32", description="Number format of the training.")
    ended_by: str = Field(TWICE, description="What ended a curve before its last step.")
    pass_seconds: float = Field(
        0.0, description="Time of the newest forward pass over all points of one path."
    )

    @field_validator("recipe", mode="before")
    @classmethod
    def _points_counted_alike_before(cls, recipe: Any) -> Any:
        """Files that say nothing of worse points, a finish or attempts are from before them."""
        without = {"worst": 0.0, "finish_steps": 0, "attempts": 1}
        return without | recipe if isinstance(recipe, dict) else recipe

    @model_validator(mode="after")
    def _pairs_solutions_and_texts_name_each_other(self) -> Self:
        ends = {i for pair in self.pairs for i in pair}
        good = (
            bool(self.pairs) and ends <= set(range(len(self.solutions))),
            {s.text for s in self.solutions} <= set(range(len(self.texts))),
            len({len(text.target_ids) for text in self.texts}) == 1,
            all(text.target_ids for text in self.texts),
        )
        if not all(good):
            raise ValueError("pairs of what is not there")
        return self

    def ends(self, pair: int) -> tuple[str, str]:
        """Return the ids of the two solutions of a pair."""
        a, b = self.pairs[pair]
        return self.solutions[a].id, self.solutions[b].id

    def title(self, pair: int) -> str:
        """Return a short name of a pair for lists and charts."""
        a, b = (self.solutions[i] for i in self.pairs[pair])
        return tr("seeds {first} and {second}", first=a.seed, second=b.seed)


def describe(
    pairs: Sequence[tuple[Solution, Solution]],
    kind: CurveKind,
    recipe: PathRecipe,
    tokenizer: Tokenizer,
    **more: str | None,
) -> PathsHeader:
    """Return the header of a set of paths that is about to be made.

    Args:
        pairs: the ends of every path.
        kind: the curve to train.
        recipe: how to train and measure.
        tokenizer: the model's, for the texts' tokens.
        **more: further fields.
    """
    ends = {s.record.id: s for pair in pairs for s in pair}
    index = {name: i for i, name in enumerate(ends)}
    texts = {text_key(s): s for s in ends.values()}
    order = {key: i for i, key in enumerate(texts)}
    return PathsHeader.model_validate(
        {
            "model": pairs[0][0].record.model,
            "fingerprint": pairs[0][0].record.fingerprint,
            "arrangement": pairs[0][0].record.arrangement,
            "sink": pairs[0][0].record.sink,
            "kind": kind,
            "recipe": recipe,
            "texts": [TextInfo.of(s, tokenizer) for s in texts.values()],
            "solutions": [
                SolutionInfo(id=s.record.id, seed=s.record.seed, text=order[text_key(s)])
                for s in ends.values()
            ],
            "pairs": [(index[a.record.id], index[b.record.id]) for a, b in pairs],
            "created": now(),
            "ended_by": HALFWAY,
        }
        | more
    )
