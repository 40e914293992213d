"""Finishes a curve: the smallest moves of its bends that make every token right all along.

What training leaves wrong is narrow, a token or two at one to six of 61 points, and whatever step
of Adam mends one breaks another. But those tokens are few where bends are thousands of numbers, so
all of them, and those that are nearly wrong, can be asked for at once: sequential quadratic
programming, with a limit on the length of each step that widens while steps keep what they promise
(Nocedal and Wright, *Numerical Optimization*, 2006, chapter 18). Measured in
`benchmarks/README.md`, "A finish that solves".
"""

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import nnls
from torch import Tensor

from explorer.model.frozen import FrozenModel
from explorer.paths.curves import weights
from explorer.tasks.paths.bends import ROWS_AT_ONCE, CurveTrainer, along
from explorer.training.layouts import OnePass
from explorer.training.memory import rows_that_fit
from explorer.training.shared_pass import Answer, Proposal, answer

NEAR = 0.8
"""Log odds below which a token is asked for: above, a step hardly endangers it."""
MOST_TOKENS = 160
"""Tokens that one step asks for: each is a row of a pass, and of the problem."""
MISSED = 100.0
"""What a squared unit of log odds that a step misses costs, in squared deviations of its length."""
TRIES = 4
"""Lengths at which a step is tried before nothing more is expected."""


def smallest_move(
    slopes: Float[np.ndarray, "tokens D"], lacking: Float[np.ndarray, " tokens"]
) -> Float[np.ndarray, " D"]:
    """Return the x that minimises |x|² / 2 + MISSED / 2 · Σ max(0, lacking - slopes x)².

    By its dual, which has one number for each token: a problem of non-negative least squares.
    """
    gram = slopes @ slopes.T + np.eye(len(slopes)) / MISSED
    lower = cholesky(gram, lower=True)
    multipliers, _ = nnls(lower.T, solve_triangular(lower, lacking, lower=True))
    move: Float[np.ndarray, " D"] = multipliers @ slopes
    return move


def asked_for(
    odds: Float[np.ndarray, "places N"],
) -> tuple[Int[np.ndarray, " tokens"], Int[np.ndarray, " tokens"]]:
    """Return the places and positions of at most `MOST_TOKENS` tokens whose odds are below `NEAR`.

    Where there are more, those come first that are the worst among their neighbours along the
    curve: what raises the lowest odds of a stretch raises the others on it, whose slopes are much
    the same (local reduction; Hettich and Kortanek, *Semi-Infinite Programming*, 1993). Of equal
    ones the worst.
    """
    beyond = np.pad(odds, ((1, 1), (0, 0)), constant_values=np.inf)
    lowest = (odds <= beyond[:-2]) & (odds <= beyond[2:])
    place, n = np.nonzero(odds < NEAR)
    first = np.lexsort((odds[place, n], ~lowest[place, n]))[:MOST_TOKENS]
    return place[first], n[first]


@dataclass(frozen=True, eq=False)
class _Measured:
    """The tokens at all places of a curve between its ends.

    Attributes:
        odds: float64 (places, N), log of p(target) / (1 - p(target)). At 0 or more it is right.
        right: bool (places, N).
    """

    odds: Float[np.ndarray, "places N"]
    right: Bool[np.ndarray, "places N"]

    @property
    def lack(self) -> float:
        """By how much all odds together are below 0; none if every token is right anyway."""
        return 0.0 if self.right.all() else float(-np.minimum(self.odds, 0).sum())


class Finish:
    """Makes steps of the curves of one model, one curve at a time.

    Attributes:
        model: measures, and gives the gradients.
        rows_at_once: how many rows memory allows in one pass.
    """

    def __init__(self, model: FrozenModel, layout: OnePass, N: int) -> None:
        self.model, self._layout = model, layout
        self.rows_at_once = rows_that_fit(model, layout.length(N))
        self._last: tuple[CurveTrainer, int, _Measured] | None = None

    def shrink(self, tried: int) -> None:
        """Take fewer rows at a time from here."""
        self.rows_at_once = min(self.rows_at_once, tried // 2)

    def step(self, curve: CurveTrainer) -> Generator[None, None, bool]:
        """Move the bends of a curve once; yield between passes; return whether there is more to do.

        There is none once every token is right at every point of the grid and halfway between,
        and where no move of any length tried makes it better. Left in the middle, nothing has
        changed.
        """
        now = self._measured(curve)
        if now.right.all():
            return False
        yield
        move = yield from self._move(curve, now)
        length = float(np.linalg.norm(move))
        for shorter in range(TRIES):
            yield
            reach = min(length, curve.reach) / 3**shorter
            bends = (curve.bends + move * (reach / length * curve.unit)).astype(np.float32)
            there = self._measure(curve, bends)
            if there.lack < now.lack:
                curve.reach = reach if shorter else max(curve.reach, 1.5 * reach)
                curve.move_to(bends)
                self._last = curve, curve.steps, there
                return not there.right.all()
        return False

    def _measured(self, curve: CurveTrainer) -> _Measured:
        """Return what is known of a curve as it is."""
        if self._last is not None:
            known, steps, found = self._last
            if known is curve and steps == curve.steps:
                return found
        return self._measure(curve, curve.bends)

    def _measure(self, curve: CurveTrainer, bends: Float[np.ndarray, "bends D"]) -> _Measured:
        points = self._weights(curve) @ np.stack([curve.ends[0], *bends, curve.ends[1]])
        layout = self._layout
        found = along(self.model, points, curve.targets, layout.arrangement, layout.sink)
        loss = found.loss.cpu().double().clamp_min(0)  # which rounding can leave below
        odds = -loss - (-torch.expm1(-loss)).log()
        return _Measured(odds.numpy(), found.correct.cpu().numpy())

    def _weights(self, curve: CurveTrainer) -> Float[np.ndarray, "places points"]:
        """Return the weights at the grid's points and halfway between them, without the ends."""
        t = np.linspace(0, 1, 2 * curve.recipe.points - 1)[1:-1]
        return weights(curve.kind, t)

    def _move(
        self, curve: CurveTrainer, now: _Measured
    ) -> Generator[None, None, Float[np.ndarray, "bends D"]]:
        """Return the smallest move that is expected to make every token right, in deviations."""
        place, n = asked_for(now.odds)
        odds = now.odds[place, n]
        w = self._weights(curve)[place]
        points = torch.from_numpy(w @ curve.points).float().to(self.model.device)
        gradients = yield from self._gradients(curve, points, n)
        by_odds = -gradients * (1 + np.exp(odds))[:, None]
        slopes = w[:, 1:-1, None] * by_odds[:, None, :] * curve.unit
        move = smallest_move(slopes.reshape(len(n), -1), -odds)
        return move.reshape(curve.bends.shape)

    def _gradients(
        self, curve: CurveTrainer, points: Float[Tensor, "tokens D"], n: np.ndarray
    ) -> Generator[None, None, Float[np.ndarray, "tokens D"]]:
        """Return the gradient of the loss of target token n of each by its point.

        A row ends where that token is said: nothing after it has a part in it. Yields after every
        `ROWS_AT_ONCE` rows or so.
        """
        N = len(curve.targets)
        inputs = self._layout.inputs(
            self.model, points.unflatten(1, (2, -1)), curve.targets.expand(len(points), -1)
        )
        asked = []
        for k in np.unique(n):
            rows = np.flatnonzero(n == k)
            first = self._layout.first + int(k)
            targets = curve.targets[[k]].expand(len(rows), -1)
            read = inputs[rows, : first + 1]
            asked.append(Proposal(self, self.model, rows.tolist(), read, targets, first))
        by_input, waiting = torch.zeros_like(inputs), list[Proposal]()
        for proposal in asked:
            waiting.append(proposal)
            if sum(len(each.rows) for each in waiting) < ROWS_AT_ONCE and proposal is not asked[-1]:
                continue
            for each, said in zip(waiting, answer(waiting), strict=True):
                if not isinstance(said, Answer):
                    raise said
                by_input[each.rows, : said.gradient.shape[1]] = said.gradient
            waiting.clear()
            yield
        gradients = self._layout.by_vector(by_input, N).flatten(1)
        found: Float[np.ndarray, "tokens D"] = gradients.cpu().double().numpy()
        return found
