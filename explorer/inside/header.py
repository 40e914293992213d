"""What is known about a look inside besides its numbers."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from explorer.assets.tokenizing import Tokenizer
from explorer.base.value import Value
from explorer.paths.header import MeasuredHeader, TextInfo
from explorer.solutions.solution import Solution, now
from explorer.specs.arrangements import ArrangementKey, read_from, stands
from explorer.specs.jobs import InsideSpec

MOST_TOKENS = 128
"""N up to which there is a look inside: attention maps grow with its square."""

Role = Literal["token", "e", "m"]
"""What an input position holds; a token is one that stands before e, such as BOS."""
Part = Literal["cut", "scale", "noise", "swap"]
What = Literal["one", "until", "from", "e", "m", "both"]
"""Of a cut, at which layers: at one, at all up to it, at all from it on. Else of which vectors."""


class Trial(Value):
    """One more pass in which something was changed."""

    part: Part
    what: What
    at: float = Field(
        description="Of a cut the layer, from 1; of a scale the factor; of noise its length as a "
        "share of the norm of what it is added to; of a swap the number of the other solution."
    )
    draw: int = Field(0, description="Of noise: which random direction.")


class Other(Value):
    """A solution that e or m was taken from."""

    id: str
    seed: int
    text: TextInfo
    same_text: bool = Field(description="Another restart of this text.")
    same_m: bool = Field(description="Its m is the same vector: a shared m.")


class Writing(Value):
    """What the model goes on to write."""

    start: str = Field(description="What it has read, in words.")
    question: str = Field("", description="What it is asked after that; empty: nothing.")
    text: str = Field(description="What it writes, the likeliest token each time.")
    like_text: float | None = Field(
        None, description="Cosine of sentence embeddings with the solution's text."
    )
    like_next: float | None = Field(
        None, description="The same with what the model writes after the text's own tokens."
    )


class InsideHeader(MeasuredHeader):
    """What is known about a look inside besides its numbers."""

    arrangement: ArrangementKey
    solution: str = Field(description="Id of the solution.")
    seed: int = Field(description="The seed of its restart.")
    text: TextInfo
    roles: list[Role] = Field(description="What each input position holds.")
    first: int = Field(ge=0, description="First input position whose output is read, of N.")
    layers: int = Field(ge=1)
    heads: int = Field(ge=0, description="0: this model gives no attention weights.")
    norm_e: float = Field(ge=0)
    norm_m: float = Field(ge=0)
    trials: list[Trial] = Field(default=[], description="In the order of the tensors' rows.")
    others: list[Other] = Field(default=[], description="Solutions swapped with.")
    directions: int = Field(0, description="Seed of the noise's directions; older files: 0.")
    asked: InsideSpec | None = Field(None, description="What was asked for; older files: none.")
    writings: list[Writing] = Field(default=[], description="Empty: it was not asked to write.")
    pieces: dict[int, str] = Field(default={}, description="What every token id in it says.")
    seconds: dict[str, float] = Field(default={}, description="Compute time of each part.")
    notices: list[str] = Field(default=[], description="What could not be looked at, and why.")


def roles_of(key: ArrangementKey, length: int) -> list[Role]:
    """Return what each input position holds for a target of `length` tokens."""
    held: dict[str, Role] = {"s": "token", "e": "e", "m": "m"}
    return [held[letter] for letter in stands(key, length).tolist()]


def describe(
    solution: Solution, others: Sequence[Solution], tokenizer: Tokenizer, **more: object
) -> InsideHeader:
    """Return the header of a look inside that is about to be made.

    Args:
        solution: where to look.
        others: what it is swapped with.
        tokenizer: the model's, for the texts' tokens.
        **more: further fields.
    """
    record = solution.record
    return InsideHeader.model_validate(
        {
            "model": record.model,
            "fingerprint": record.fingerprint,
            "arrangement": record.arrangement,
            "solution": record.id,
            "seed": record.seed,
            "text": TextInfo.of(solution, tokenizer),
            "roles": roles_of(record.arrangement, solution.length),
            "first": read_from(record.arrangement),
            "norm_e": float(np.linalg.norm(solution.e)),
            "norm_m": float(np.linalg.norm(solution.m)),
            "others": [
                Other(
                    id=other.record.id,
                    seed=other.record.seed,
                    text=TextInfo.of(other, tokenizer),
                    same_text=np.array_equal(other.target_ids, solution.target_ids),
                    same_m=np.array_equal(other.m, solution.m),
                )
                for other in others
            ],
            "created": now(),
        }
        | more
    )
