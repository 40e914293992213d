"""How far apart the solutions of a set are (Q7, E6): pairs, their kinds, their distances."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from explorer.base.errors import BadInputError
from explorer.base.formatting import counted
from explorer.base.language import tr
from explorer.solutions.sets import SolutionSet
from explorer.solutions.solution import Solution

Kind = Literal["same text", "same context", "different contexts"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Vector = Literal["e", "m", "both"]
VECTORS: tuple[Vector, ...] = get_args(Vector)
Metric = Literal["cosine", "l2"]
METRICS: tuple[Metric, ...] = get_args(Metric)
MOST_SOLUTIONS = 2000
"""How many are compared (the paper's set has 950): memory grows with their pairs."""


@dataclass(frozen=True)
class Pairs:
    """All pairs of a set's exact solutions, each once.

    Attributes:
        first: int (P,), index of one solution.
        second: int (P,), index of the other, larger.
        kind: int (P,), index into `KINDS`.
        contexts: int (n,), context of each solution.
        texts: int (n,), text of each solution, numbered over all contexts.
    """

    first: Int[np.ndarray, " P"]
    second: Int[np.ndarray, " P"]
    kind: Int[np.ndarray, " P"]
    contexts: Int[np.ndarray, " n"]
    texts: Int[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.first)

    @property
    def counts(self) -> dict[Kind, int]:
        """How many pairs there are of each kind."""
        return {kind: int((self.kind == k).sum()) for k, kind in enumerate(KINDS)}

    def medians(self, distances: Float[np.ndarray, " P"]) -> dict[Kind, float]:
        """Return the median distance of each kind that has pairs."""
        found = {kind: distances[self.kind == k] for k, kind in enumerate(KINDS)}
        return {kind: float(np.median(own)) for kind, own in found.items() if len(own)}


def kinds(
    contexts: Int[np.ndarray, " n"],
    texts: Int[np.ndarray, " n"],
    first: Int[np.ndarray, " P"],
    second: Int[np.ndarray, " P"],
) -> Int[np.ndarray, " P"]:
    """Return for each pair the index of its kind: same text, same context, different contexts."""
    same_context = contexts[first] == contexts[second]
    same_text = texts[first] == texts[second]
    return np.where(same_text, 0, np.where(same_context, 1, 2))


def pairs(found: SolutionSet) -> Pairs:
    """Return all pairs of exact solutions of a set.

    Raises:
        BadInputError: if there are fewer than two, or two texts of the set are the same.
    """
    require_solutions(found)
    if len(found.solutions) > MOST_SOLUTIONS:
        raise BadInputError(
            tr(
                "The set has {count} exact solutions. At most {most} can be compared, because "
                "every two of them are a pair. Make a set with fewer contexts, continuations "
                "or restarts.",
                count=f"{len(found.solutions):,}",
                most=f"{MOST_SOLUTIONS:,}",
            )
        )
    numbers: dict[tuple[int, ...], int] = {}
    places: dict[int, tuple[int, int]] = {}
    for member, solution in zip(found.members, found.solutions, strict=True):
        number = numbers.setdefault(tuple(solution.target_ids.tolist()), len(numbers))
        place = places.setdefault(number, (member.context, member.continuation))
        if place != (member.context, member.continuation):
            raise BadInputError(
                tr(
                    "Text {one} of context {context} and text {other} of context {others} are the "
                    "same, so “same text” has no clear meaning. Make the set again without one of "
                    "them.",
                    one=place[1] + 1,
                    context=place[0] + 1,
                    other=member.continuation + 1,
                    others=member.context + 1,
                )
            )
    contexts = np.array([member.context for member in found.members])
    texts = np.array([numbers[tuple(s.target_ids.tolist())] for s in found.solutions])
    first, second = np.triu_indices(len(contexts), 1)
    return Pairs(first, second, kinds(contexts, texts, first, second), contexts, texts)


def texts(found: SolutionSet) -> list[str]:
    """Return the different texts of a set, in the numbering of `Pairs.texts`."""
    said: dict[tuple[int, ...], str] = {}
    for solution in found.solutions:
        said.setdefault(tuple(solution.target_ids.tolist()), solution.record.text)
    return list(said.values())


def require_solutions(found: SolutionSet) -> None:
    """Make sure that a set has enough exact solutions to compare.

    Raises:
        BadInputError: if it has not.
    """
    if len(found.solutions) >= 2:
        return
    tried = found.record.members
    best = max((member.accuracy for member in tried), default=0.0)
    exact = tr("no exact solution")
    if found.solutions:
        exact = counted(len(found.solutions), "exact solution")
    raise BadInputError(
        tr(
            "The set has {exact} among {attempts} (best accuracy {best}) and at least {least} are "
            "needed. Let it go on, or make one with a shorter length or more attempts.",
            exact=exact,
            attempts=counted(len(tried), "attempt"),
            best=f"{best:.2f}",
            least=2,
        )
    )


def stack(solutions: Sequence[Solution], vector: Vector) -> Float[np.ndarray, "n D"]:
    """Return e, m, or both one after the other, of every solution, as float64."""
    e, m = (np.stack([getattr(s, name) for s in solutions]) for name in "em")
    return chosen(e, m, vector)


def chosen(
    e: Float[np.ndarray, "n d"], m: Float[np.ndarray, "n d"], vector: Vector
) -> Float[np.ndarray, "n D"]:
    """Return e, m, or both one after the other, as float64."""
    parts = {"e": [e], "m": [m], "both": [e, m]}[vector]
    return np.concatenate(parts, axis=1).astype(np.float64)


def cosine_distances(vectors: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n n"]:
    """Return 1 - cos of the angle between any two rows; 0 to 2, exactly 0 for equal rows.

    A row of zeros has no direction; its distance to others is 1, as between random vectors.
    """
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(length > 0, length, 1)
    distances: Float[np.ndarray, "n n"] = 1 - np.clip(unit @ unit.T, -1, 1)
    distances[_equal(vectors)] = 0
    return distances


def l2_distances(vectors: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n n"]:
    """Return the Euclidean distance between any two rows."""
    square = (vectors**2).sum(1)
    distances: Float[np.ndarray, "n n"] = np.sqrt(
        np.maximum(square[:, None] + square - 2 * vectors @ vectors.T, 0)
    )
    distances[_equal(vectors)] = 0
    return distances


def between(vectors: Float[np.ndarray, "n d"], metric: Metric) -> Float[np.ndarray, "n n"]:
    """Return the distance between any two rows."""
    return cosine_distances(vectors) if metric == "cosine" else l2_distances(vectors)


def _equal(vectors: Float[np.ndarray, "n d"]) -> NDArray[np.bool_]:
    """Tell which rows are equal in every number, so that rounding leaves no distance there."""
    _, names = np.unique(vectors, axis=0, return_inverse=True)
    same: NDArray[np.bool_] = names.reshape(-1)[:, None] == names.reshape(-1)
    return same


def has_one_m(found: SolutionSet) -> bool:
    """Whether all solutions have the same m, so that its distance says nothing."""
    return all(np.array_equal(found.solutions[0].m, s.m) for s in found.solutions)
