"""How trained vectors become what a model reads, and what they are worth by what it then says.

Two kinds of vectors are trained by one trainer, which makes them comparable: e and m, from which a
model says a text in one pass, and the memory vectors of the autoregressive baseline.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor
from typing_extensions import override

from explorer.base.errors import BadInputError
from explorer.base.language import tr
from explorer.model.frozen import FrozenModel
from explorer.model.metrics import (
    Score,
    by_proto_token,
    input_sequence,
    memory_inputs,
    score_memory,
    scores,
)
from explorer.solutions.solution import Memory, MemoryRecord, Solution, SolutionRecord
from explorer.specs.arrangements import (
    ARRANGEMENTS,
    ArrangementKey,
    holds_m,
    input_length,
    read_from,
)
from explorer.specs.recipes import Recipe
from explorer.training.rows import Outcome, Row
from explorer.training.starts import start, start_of, warm_digest

MOST_VECTORS = 64

Stored = TypeVar("Stored", bound=Solution | Memory)


class Layout(ABC, Generic[Stored]):
    """W vectors of each row, and how they stand before a model.

    Attributes:
        vectors: W.
        rests: whether worse restarts of a text rest where the recipe says so. The rule was chosen
            on pairs of e and m.
    """

    vectors: int
    rests: bool

    @property
    @abstractmethod
    def first(self) -> int:
        """Input position whose output is to be the first target token."""

    @abstractmethod
    def length(self, N: int) -> int:
        """Return how many positions the model reads for N target tokens."""

    @abstractmethod
    def keys(self, row: Row) -> tuple[str | None, ...]:
        """Return the keys of a row's vectors: of those it shares with rows of equal keys."""

    @abstractmethod
    def moving(self, N: int, frozen: Collection[str]) -> tuple[bool, ...]:
        """Return which vectors training moves: not one that is frozen, or that no input holds."""

    @abstractmethod
    def start(self, model: FrozenModel, recipe: Recipe, row: Row) -> Float[Tensor, "W d"]:
        """Return where a row's vectors start."""

    @abstractmethod
    def inputs(
        self, model: FrozenModel, vectors: Float[Tensor, "n W d"], targets: Int[Tensor, "n N"]
    ) -> Float[Tensor, "n L d"]:
        """Return what the model reads, as input embeddings."""

    @abstractmethod
    def by_vector(self, by_input: Float[Tensor, "n L d"], N: int) -> Float[Tensor, "n W d"]:
        """Return the gradient by the vectors from that by what the model reads."""

    @abstractmethod
    def scores(
        self, model: FrozenModel, vectors: Float[Tensor, "n W d"], targets: Int[Tensor, "n N"]
    ) -> Sequence[Score]:
        """Return what rows' vectors are worth."""

    @property
    @abstractmethod
    def words(self) -> str:
        """What is trained, in the words that a solution's id is made of."""

    def warm_starts(self, model: FrozenModel, recipe: Recipe) -> str | None:
        """Return the digest of the shipped vectors that rows start near, None if there are none."""
        return None

    @abstractmethod
    def stored(
        self, found: Outcome, *, shared_m: bool, known_starts: str | None, **fields: Any
    ) -> Stored:
        """Return a row's outcome as it is stored, given the fields that all records have."""


@dataclass(frozen=True)
class OnePass(Layout[Solution]):
    """e and m in an arrangement: one forward pass says the whole text (E3).

    Attributes:
        arrangement: which input positions hold m.
        sink: id of the token before e, where the arrangement has one, else None.
    """

    arrangement: ArrangementKey
    sink: int | None = None
    vectors = 2
    rests = True

    @classmethod
    def of(cls, arrangement: ArrangementKey, model: FrozenModel) -> Self:
        """Return an arrangement for a model: with its sink, where the arrangement has one.

        Raises:
            BadInputError: if it has one, and the model's is not known.
        """
        return cls(arrangement, model.sink if ARRANGEMENTS[arrangement].has_sink else None)

    @property
    @override
    def first(self) -> int:
        return read_from(self.arrangement)

    @override
    def length(self, N: int) -> int:
        return input_length(self.arrangement, N)

    @override
    def keys(self, row: Row) -> tuple[str | None, ...]:
        return row.e_key, row.m_key

    @override
    def moving(self, N: int, frozen: Collection[str]) -> tuple[bool, ...]:
        return "e" not in frozen, "m" not in frozen and bool(holds_m(self.arrangement, N).any())

    @override
    def start(self, model: FrozenModel, recipe: Recipe, row: Row) -> Float[Tensor, "W d"]:
        return start_of(model, recipe, row, arrangement=self.arrangement)

    @override
    def inputs(
        self, model: FrozenModel, vectors: Float[Tensor, "n W d"], targets: Int[Tensor, "n N"]
    ) -> Float[Tensor, "n L d"]:
        e, m = vectors.unbind(1)
        return input_sequence(model, e, m, self.arrangement, targets.shape[1], self.sink)

    @override
    def by_vector(self, by_input: Float[Tensor, "n L d"], N: int) -> Float[Tensor, "n W d"]:
        return by_proto_token(by_input, self.arrangement, N)

    @override
    def scores(
        self, model: FrozenModel, vectors: Float[Tensor, "n W d"], targets: Int[Tensor, "n N"]
    ) -> Sequence[Score]:
        laid = self.inputs(model, vectors, targets)
        return scores(model.measure(laid, targets, self.first, detail=True))

    @property
    @override
    def words(self) -> str:
        return self.arrangement if self.sink is None else f"[{self.sink}]{self.arrangement}"

    @override
    def warm_starts(self, model: FrozenModel, recipe: Recipe) -> str | None:
        return None if recipe.known_m is None else warm_digest(model.fingerprint, self.arrangement)

    @override
    def stored(
        self, found: Outcome, *, shared_m: bool, known_starts: str | None, **fields: Any
    ) -> Solution:
        record = SolutionRecord(
            arrangement=self.arrangement,
            sink=self.sink,
            shared_m=shared_m,
            known_starts=known_starts,
            **fields,
        )
        return Solution(found.e, found.m, np.array(found.row.target_ids, dtype=np.int64), record)


@dataclass(frozen=True)
class TeacherForced(Layout[Memory]):
    """K memory vectors before the text: the baseline, trained teacher-forced (Kuratov et al., E4).

    The model reads the vectors and the true tokens, and every token is to be the likeliest after
    those before it. What counts is what it then generates from the vectors alone.

    Attributes:
        vectors: K.
        sink: id of a token that stands before the vectors; None: they come first.

    Raises:
        BadInputError: if K is not between 1 and 64.
    """

    vectors: int
    sink: int | None = None
    rests = False

    def __post_init__(self) -> None:
        if not 1 <= self.vectors <= MOST_VECTORS:
            raise BadInputError(
                tr(
                    "{vectors} memory vectors cannot be trained; choose 1 to {most_vectors}.",
                    vectors=self.vectors,
                    most_vectors=MOST_VECTORS,
                )
            )

    @property
    @override
    def first(self) -> int:
        return self.vectors - 1 + (self.sink is not None)

    @override
    def length(self, N: int) -> int:
        return self.first + N

    @override
    def keys(self, row: Row) -> tuple[str | None, ...]:
        return (None,) * self.vectors

    @override
    def moving(self, N: int, frozen: Collection[str]) -> tuple[bool, ...]:
        return (True,) * self.vectors

    @override
    def start(self, model: FrozenModel, recipe: Recipe, row: Row) -> Float[Tensor, "W d"]:
        return start(model, recipe, row.seed, self.vectors)

    @override
    def inputs(
        self, model: FrozenModel, vectors: Float[Tensor, "n W d"], targets: Int[Tensor, "n N"]
    ) -> Float[Tensor, "n L d"]:
        return memory_inputs(model, vectors, targets, self.sink)[0]

    @override
    def by_vector(self, by_input: Float[Tensor, "n L d"], N: int) -> Float[Tensor, "n W d"]:
        return by_input[:, self.first + 1 - self.vectors : self.first + 1]

    @override
    def scores(
        self, model: FrozenModel, vectors: Float[Tensor, "n W d"], targets: Int[Tensor, "n N"]
    ) -> Sequence[Score]:
        rows = zip(vectors.cpu().numpy(), targets.tolist(), strict=True)
        return [score_memory(model, mem, ids, self.sink) for mem, ids in rows]

    @property
    @override
    def words(self) -> str:
        before = "" if self.sink is None else f"[{self.sink}]"
        return f"{before}[mem]×{self.vectors}"

    @override
    def stored(
        self, found: Outcome, *, shared_m: bool, known_starts: str | None, **fields: Any
    ) -> Memory:
        record = MemoryRecord(
            tokens_of_memory=self.vectors,
            layout="mem" if self.sink is None else "bos+mem",
            sink=self.sink,
            **fields,
        )
        return Memory(found.vectors, np.array(found.row.target_ids, dtype=np.int64), record)
