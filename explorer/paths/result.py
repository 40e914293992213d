"""What connecting pairs of solutions gives: curves and both profiles of every pair, in one file."""

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from explorer.base.language import later
from explorer.base.tensor_files import Layout, TensorFile, TensorFormat, Tensors, all_finite
from explorer.paths.curves import BENDS, arc_lengths, bends_on_chord, mean_along
from explorer.paths.header import PathsHeader, TextInfo
from explorer.specs.recipes import THRESHOLD

FILE = "paths.safetensors"
PLAIN = ("vectors", "bends", "t", "steps", "over")
"""Fields of `Paths` that are one tensor each."""


@dataclass(frozen=True)
class Profile:
    """What the model says along the paths of all pairs.

    Attributes:
        accuracy: float32 (pairs, T), share of right tokens (Q8); NaN before the first measurement.
        loss: float32 (pairs, T), mean cross-entropy, nats; NaN before the first measurement.
        predicted: int32 (pairs, T, N), argmax at each position.
        p: float16 (pairs, T, N), probability of the target.
        rank: int32 (pairs, T, N), 1 + number of tokens with a larger logit.
    """

    accuracy: NDArray[np.float32]
    loss: NDArray[np.float32]
    predicted: NDArray[np.int32]
    p: NDArray[np.float16]
    rank: NDArray[np.int32]

    @classmethod
    def empty(cls, pairs: int, points: int, length: int) -> Self:
        """Return a profile with nothing measured."""
        nothing = np.full((pairs, points), np.nan, dtype=np.float32)
        each = (pairs, points, length)
        return cls(
            nothing,
            nothing.copy(),
            np.zeros(each, np.int32),
            np.zeros(each, np.float16),
            np.ones(each, np.int32),
        )

    def keep(self, pair: int | list[int], measured: "Profile") -> None:
        """Take in a new measurement of one pair (without a pair axis) or some, in place."""
        for field in fields(self):
            getattr(self, field.name)[pair] = getattr(measured, field.name)

    def of(self, pair: int | list[int]) -> Self:
        """Return what is measured of one pair, without a pair axis, or of some."""
        return type(self)(*(getattr(self, field.name)[pair] for field in fields(self)))


def profile_layout(at: tuple[int | str, ...], length: int) -> Layout:
    """Return the layout of the fields of a `Profile` at points of any shape, N = `length`."""
    each = (*at, length)
    return {
        "accuracy": ("f4", at),
        "loss": ("f4", at),
        "predicted": ("i4", each),
        "p": ("f2", each),
        "rank": ("i4", each),
    }


HISTORY = np.dtype(
    [("pair", "<i4"), ("step", "<i4"), ("minimum", "<f4"), ("mean", "<f4"), ("loss", "<f4")]
)
"""One measurement of one curve: lowest and arc-length-weighted mean accuracy, mean loss."""


def _layout(header: PathsHeader) -> Layout:
    pairs, length = len(header.pairs), len(header.texts[0].target_ids)
    profile = profile_layout((pairs, "T"), length)
    return {
        "vectors": ("f4", (len(header.solutions), "d")),
        "bends": ("f4", (pairs, BENDS[header.kind], "d")),
        "t": ("f8", ("T",)),
        "steps": ("i4", (pairs,)),
        "over": ("?", (pairs,)),
        **{f"{which}.{name}": of for which in ("line", "curve") for name, of in profile.items()},
        **{f"history.{name}": (HISTORY[name], ("H",)) for name in HISTORY.names or ()},
    }


def _problem(header: PathsHeader, tensors: Tensors) -> str:
    t, vectors = tensors["t"], tensors["vectors"].astype(np.float64)
    if not all_finite(tensors, "vectors", "bends", "t") or (np.diff(t) <= 0).any():
        return later("points that are nowhere")
    starts, ends = (vectors[list(side)] for side in zip(*header.pairs, strict=True))
    if not (np.linalg.norm(ends - starts, axis=1) > 0).all():
        return later("a path that goes nowhere")
    if len(t) < 2 or (tensors["line.predicted"] < 0).any():
        return later("no grid, or no token ids")
    return ""


FORMAT = TensorFormat(
    noun=later("a set of paths"),
    key="paths",
    header=PathsHeader,
    layout=_layout,
    may_be_empty="H",
    check=_problem,
)
"""Paths: the fields of `Paths`, those of its profiles and its history by name, JSON in `paths`."""


@dataclass(frozen=True)
class Paths(TensorFile):
    """Straight line and trained curve of P pairs, measured on one grid of T points.

    Attributes:
        header: what all pairs share.
        vectors: float32 (solutions, 2 d_model), [e; m] of every end.
        bends: float32 (P, bends, 2 d_model), the trained points; `pi` of a Bezier curve.
        t: float64 (T,), the grid, from 0 to 1.
        steps: int32 (P,), steps of the curve as it was last measured; -1: not measured yet.
        over: bool (P,), whether its training has ended.
        line: along the chord.
        curve: along the trained curve.
        history: (H,) of `HISTORY`, every measurement of every curve.
    """

    form = FORMAT

    header: PathsHeader
    vectors: NDArray[np.float32]
    bends: NDArray[np.float32]
    t: NDArray[np.float64]
    steps: NDArray[np.int32]
    over: NDArray[np.bool_]
    line: Profile
    curve: Profile
    history: NDArray[Any]

    @classmethod
    def empty(cls, header: PathsHeader, vectors: NDArray[np.float32]) -> Self:
        """Return paths with every bend on its chord and nothing measured.

        Args:
            header: what all pairs share.
            vectors: [e; m] of `header.solutions`.
        """
        count, points = len(header.pairs), header.recipe.points
        length = len(header.texts[0].target_ids)
        bends = np.zeros((count, BENDS[header.kind], vectors.shape[1]), dtype=np.float32)
        for k, (a, b) in enumerate(header.pairs):
            bends[k] = bends_on_chord(header.kind, vectors[a], vectors[b])
        return cls(
            header,
            vectors,
            bends,
            np.linspace(0, 1, points),
            np.full(count, -1, dtype=np.int32),
            np.zeros(count, dtype=np.bool_),
            Profile.empty(count, points, length),
            Profile.empty(count, points, length),
            np.zeros(0, dtype=HISTORY),
        )

    def __len__(self) -> int:
        return len(self.header.pairs)

    def same_task(self, other: "Paths") -> bool:
        """Whether another set of paths is of the same solutions, curve and recipe."""
        of = attrgetter("pairs", "kind", "recipe", "solutions", "fingerprint")
        same = of(self.header) == of(other.header)
        return bool(same and np.array_equal(self.vectors, other.vectors))

    def points(self, pair: int) -> NDArray[np.float32]:
        """Return the points of a pair's curve: end, bends, end, (2 + bends, 2 d_model)."""
        a, b = (self.vectors[i] for i in self.header.pairs[pair])
        return np.stack([a, *self.bends[pair], b])

    def text(self, pair: int) -> TextInfo:
        """Return the text both ends of a pair say."""
        return self.header.texts[self.header.solutions[self.header.pairs[pair][0]].text]

    def chord(self, pair: int) -> float:
        """Return the distance between the ends in the space of [e; m]."""
        ends = self.points(pair)[[0, -1]].astype(np.float64)
        return float(np.linalg.norm(ends[1] - ends[0]))

    def length(self, pair: int) -> float:
        """Return the length of a pair's curve (Q9)."""
        return float(arc_lengths(self.header.kind, self.points(pair), np.ones(1))[0])

    def ratio(self, pair: int) -> float:
        """Return curve length over chord length (Q9)."""
        return self.length(pair) / self.chord(pair)

    def mean(self, pair: int, *, line: bool = False) -> float:
        """Return the arc-length-weighted mean accuracy of the curve, or of the line."""
        points = self.points(pair)
        if line:
            values = mean_along("line", points[[0, -1]], self.t, self.line.accuracy[pair])
        else:
            values = mean_along(self.header.kind, points, self.t, self.curve.accuracy[pair])
        return float(values)

    @property
    def measured(self) -> NDArray[np.bool_]:
        """Whether each pair has been measured, bool (P,)."""
        return np.asarray(self.steps >= 0)

    @property
    def connected(self) -> NDArray[np.bool_]:
        """Whether each curve keeps accuracy >= `THRESHOLD` all along the grid, bool (P,)."""
        return self._connected(self.curve)

    @property
    def lines_connected(self) -> NDArray[np.bool_]:
        """Whether each straight line keeps accuracy >= `THRESHOLD`, bool (P,)."""
        return self._connected(self.line)

    def _connected(self, profile: Profile) -> NDArray[np.bool_]:
        with np.errstate(invalid="ignore"):
            all_along = np.all(profile.accuracy >= THRESHOLD, axis=1)
        return np.asarray(all_along & self.measured)

    def converged_at(self, pair: int) -> int | None:
        """Return the step from which on every measurement found the curve connected, or None."""
        own = self.history[self.history["pair"] == pair]
        bad = np.flatnonzero(own["minimum"] < np.float32(THRESHOLD))
        since = own[bad[-1] + 1 :] if len(bad) else own
        return int(since["step"][0]) if len(since) else None

    def begun_anew(self, pair: int) -> list[int]:
        """Return the steps at which further attempts at a curve began, as far as they are measured.

        An attempt ends with its last measurement. Where curves are measured more often than they
        have steps to finish, one may count that is the first of the next.
        """
        steps = self.history["step"][self.history["pair"] == pair]
        recipe, found = self.header.recipe, list[int]()
        for attempt in range(recipe.attempts - 1):
            most = sum(found[-1:]) + recipe.adam_steps(attempt) + recipe.to_finish
            if not (later := steps[steps > most]).size:
                break
            found.append(int(steps[len(steps) - len(later) - 1]))
        return found

    @override
    def tensors(self) -> dict[str, NDArray[Any]]:
        own = {name: getattr(self, name) for name in PLAIN}
        for which in ("line", "curve"):
            profile = getattr(self, which)
            own |= {f"{which}.{f.name}": getattr(profile, f.name) for f in fields(Profile)}
        return own | {f"history.{name}": self.history[name] for name in HISTORY.names or ()}

    @classmethod
    @override
    def of(cls, header: PathsHeader, tensors: Tensors) -> Self:
        line, curve = (
            Profile(**{f.name: tensors[f"{which}.{f.name}"] for f in fields(Profile)})
            for which in ("line", "curve")
        )
        history = np.zeros(len(tensors["history.step"]), dtype=HISTORY)
        for name in HISTORY.names or ():
            history[name] = tensors[f"history.{name}"]
        plain = {name: tensors[name] for name in PLAIN}
        return cls(header, **plain, line=line, curve=curve, history=history)
