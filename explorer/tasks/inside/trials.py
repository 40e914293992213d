"""What is tried with e and m of a solution: scaled, swapped with another's, moved at random."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from explorer.inside import reading
from explorer.inside.header import Trial, What, roles_of
from explorer.inside.result import Inside
from explorer.solutions.solution import Solution
from explorer.tasks.landscape.radius import random_directions

FACTORS = (0.5, 0.8, 1.25, 2.0)
LENGTHS = tuple(2.0**-k for k in range(6, 1, -1))
"""Of noise, as shares of the norm of what it is added to."""
VECTORS: tuple[What, ...] = ("e", "m", "both")


@dataclass(frozen=True)
class Pair:
    """A trial with the vectors that the model is fed in it, float32 (d,) each."""

    trial: Trial
    e: NDArray[np.float32]
    m: NDArray[np.float32]


def vectors(solution: Solution) -> Sequence[What]:
    """Return what can be moved: e alone where no position of the input holds m."""
    fed = roles_of(solution.record.arrangement, solution.length)
    return VECTORS if "m" in fed else ("e",)


def changed(solution: Solution, others: Sequence[Solution], draws: int, seed: int) -> list[Pair]:
    """Return all that is tried first: scales, swaps, noise at `LENGTHS`; of m where it is fed."""
    e, m, moving = solution.e, solution.m, vectors(solution)
    pairs = []
    for factor in FACTORS:
        pairs.append(Pair(Trial(part="scale", what="e", at=factor), e * np.float32(factor), m))
        if "m" in moving:
            pairs.append(Pair(Trial(part="scale", what="m", at=factor), e, m * np.float32(factor)))
    for k, other in enumerate(others if "m" in moving else ()):
        pairs.append(Pair(Trial(part="swap", what="e", at=k), e, other.m))
        pairs.append(Pair(Trial(part="swap", what="m", at=k), other.e, m))
    for what in moving:
        for draw in range(draws):
            pairs += [moved(solution, what, draw, length, seed) for length in LENGTHS]
    return pairs


def between(solution: Solution, found: Inside, seed: int) -> Iterator[Pair]:
    """Yield, for each direction, what lies between the last length that holds and the next."""
    for what in vectors(solution):
        for draw, (low, high) in enumerate(reading.radius(found, what)):
            if low > 0 and np.isfinite(high):
                yield moved(solution, what, draw, float(np.sqrt(low * high)), seed)


def moved(solution: Solution, what: What, draw: int, length: float, seed: int) -> Pair:
    """Move e, m or both into a random direction, uniform on the sphere, as `radius` does.

    Args:
        solution: where to start.
        what: what is moved; of `both` the direction is one in the space of [e; m].
        draw: which direction.
        length: how far, as a share of the norm of what is moved.
        seed: of the directions.
    """
    e, m = solution.e, solution.m
    start = {"e": e, "m": m, "both": np.concatenate([e, m])}[what].astype(np.float64)
    direction = random_directions(draw + 1, len(start), seed)[draw]
    point = start + length * float(np.linalg.norm(start)) * direction
    parts = {"e": (point, m), "m": (e, point), "both": np.split(point, 2)}[what]
    now_e, now_m = (np.asarray(part, dtype=np.float32) for part in parts)
    return Pair(Trial(part="noise", what=what, at=length, draw=draw), now_e, now_m)
