"""Trains the bends of many curves side by side: pairs x samples of t are rows of one batch (H6)."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from explorer.base.errors import BadInputError
from explorer.base.language import tr
from explorer.model.frozen import FrozenModel, is_out_of_memory
from explorer.model.head import TokenStatistics, join
from explorer.model.metrics import input_sequence
from explorer.paths.curves import CurveKind, bends_on_chord, weights
from explorer.paths.result import Profile
from explorer.solutions.solution import Solution
from explorer.specs.arrangements import ArrangementKey, input_length, read_from
from explorer.specs.curves import PathRecipe
from explorer.specs.recipes import THRESHOLD
from explorer.specs.schedules import scheduled
from explorer.training.layouts import OnePass
from explorer.training.memory import ONE_ROW, rows_that_fit
from explorer.training.shared_pass import Answer, Proposal

ROWS_AT_ONCE = 64
"""Rows of one forward pass; more gain little and make a batch take its time."""
MOST_POSITIONS = 32_768
"""Input positions of a pass that only measures: 46 kB each in the embedded model, together 1.5 GB.
All points of a usual path of up to 536 tokens are one pass."""
REACH = 2.0
"""How far the first step that finishes a curve may move its bends, in deviations of embeddings."""
COUNTED = ("attempt", "taken", "steps", "reach")
"""Numbers of a curve's state, beside its bends and Adam's moments."""


def along(
    model: FrozenModel,
    points: Float[np.ndarray, "rows D"],
    targets: Int[Tensor, " N"],
    arrangement: ArrangementKey,
    sink: int | None = None,
) -> TokenStatistics:
    """Measure what the model says at points of the space of [e; m], without a gradient.

    In one forward pass, or in several of up to `MOST_POSITIONS`, fewer where memory is short.

    Args:
        model: gives its number format to the result.
        points: D = 2 d_model; every row is one pair of proto-tokens.
        targets: the target ids all rows share.
        arrangement: how e and m become an input sequence.
        sink: id of the token before e, where the arrangement has one; None: the model's own.

    Raises:
        BadInputError: if memory does not suffice for one point.
    """
    at_once = max(1, MOST_POSITIONS // input_length(arrangement, len(targets)))
    left = torch.from_numpy(np.asarray(points, dtype=np.float32))
    wanted, parts = targets.to(model.device), list[TokenStatistics]()
    while len(left) or not parts:
        some = left[:at_once]
        e, m = some.to(model.device).chunk(2, dim=1)
        inputs = input_sequence(model, e, m, arrangement, len(wanted), sink)
        try:
            parts.append(
                model.measure(
                    inputs, wanted.expand(len(some), -1), read_from(arrangement), detail=True
                )
            )
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if len(some) <= 1:
                raise BadInputError(tr(ONE_ROW)) from error
            at_once = len(some) // 2
            continue
        left = left[at_once:]
    return join(parts, (-1, len(targets)))


def as_profile(found: TokenStatistics) -> Profile:
    """Return a detailed measurement of some rows as one pair's profile, without a pair axis."""
    assert found.predicted is not None and found.p is not None and found.rank is not None
    return Profile(
        accuracy=found.correct.float().mean(1).cpu().numpy(),
        loss=found.loss.mean(1).cpu().numpy(),
        predicted=found.predicted.to(torch.int32).cpu().numpy(),
        p=found.p.half().cpu().numpy(),
        rank=found.rank.to(torch.int32).cpu().numpy(),
    )


def require_as_recorded(solution: Solution, accuracy: float) -> None:
    """Make sure that an exact solution scores here what its file says.

    Args:
        solution: one whose file says that it is exact.
        accuracy: what it scored here, in float32.

    Raises:
        BadInputError: if it does not.
    """
    if accuracy < THRESHOLD:
        raise BadInputError(
            tr(
                "The file of solution {id} says that every token is right; here it "
                "scores {accuracy} with the arrangement “{arrangement}”. The file was "
                "changed: fetch it again.",
                id=solution.record.id,
                accuracy=f"{accuracy:.3f}",
                arrangement=solution.record.arrangement,
            )
        )


class CurveTrainer:
    """Trains the bends of one curve with Adam; its ends never move.

    Several make one batch in `Curves`.

    Attributes:
        ends: float32 (2, 2 d_model), [e; m] of both solutions.
        bends: float32 (bends, 2 d_model), starting on the chord.
        unit: mean deviation of the model's input embeddings.
        attempt: how often it began anew.
        taken: updates in this attempt.
        steps: updates so far, in all attempts.
        reach: how far the next step of `finishing` may move the bends, in deviations of the
            model's input embeddings.
    """

    def __init__(
        self,
        kind: CurveKind,
        ends: Float[np.ndarray, "2 D"],
        targets: Sequence[int],
        recipe: PathRecipe,
        *,
        unit: float,
        device: torch.device,
    ) -> None:
        """Put the bends on the chord.

        Args:
            kind: `bezier` or `two-bends`.
            ends: where the curve begins and ends.
            targets: N token ids.
            recipe: how to train.
            unit: mean deviation of the model's input embeddings, the unit of the rate.
            device: where the bends live.
        """
        self.kind, self.recipe = kind, recipe
        self.ends = np.asarray(ends, dtype=np.float32)
        self.targets = torch.tensor(list(targets), device=device)
        self._ends = torch.from_numpy(self.ends).to(device)
        self.unit = unit
        self._rate = recipe.lr * unit
        self._clip = None if recipe.clip is None else recipe.clip / unit
        self.attempt = self.steps = 0
        self._begin()

    def _begin(self) -> None:
        start = torch.from_numpy(bends_on_chord(self.kind, *self.ends)).float()
        self._bends = start.to(self._ends.device).requires_grad_()
        betas = (self.recipe.beta1, self.recipe.beta2)
        self._adam = torch.optim.Adam([self._bends], lr=self._rate, betas=betas)
        self.taken = 0
        self.reach = REACH

    def begin_anew(self) -> bool:
        """Put the bends back on the chord for a longer attempt; return whether there is one."""
        if self.attempt + 1 >= self.recipe.attempts or not self.adam_steps:
            return False
        self.attempt += 1
        self._begin()
        return True

    @property
    def adam_steps(self) -> int:
        """Steps of Adam in this attempt."""
        return self.recipe.adam_steps(self.attempt)

    @property
    def finishing(self) -> bool:
        """Whether it is trained to its end, so that what is left is to finish it."""
        return self.taken >= self.adam_steps

    @property
    def ended(self) -> bool:
        """Whether all steps of this attempt are taken."""
        return self.taken >= self.adam_steps + self.recipe.to_finish

    @property
    def bends(self) -> Float[np.ndarray, "bends D"]:
        """The trained points as they stand."""
        copied: np.ndarray = self._bends.detach().cpu().numpy().copy()
        return copied

    @property
    def points(self) -> Float[np.ndarray, "points D"]:
        """End, bends, end."""
        return np.stack([self.ends[0], *self.bends, self.ends[1]])

    def rows(self) -> tuple[Float[Tensor, "samples points"], Float[Tensor, "samples D"]]:
        """Draw this step's t and return the weights and the points there.

        Each t is uniform on [0, 1], one from each of `samples` equal parts: the mean gradient is
        that of independent draws, its spread smaller.
        """
        S = self.recipe.samples
        draw = np.random.default_rng([self.recipe.seed, self.taken])
        t = (np.arange(S) + draw.random(S)) / S
        w = torch.from_numpy(weights(self.kind, t)).float().to(self._ends.device)
        points = torch.cat([self._ends[:1], self._bends.detach(), self._ends[1:]])
        return w, w @ points

    def update(
        self,
        w: Float[Tensor, "samples points"],
        gradient: Float[Tensor, "samples D"],
        loss: Float[Tensor, " samples"],
    ) -> None:
        """Move the bends one step, given loss and gradient at the points of `rows`.

        What breaks a path is its worst stretch, and that is narrow: where the recipe says so, a
        point counts by its loss, so that the many good points do not outvote the few bad ones.
        """
        recipe = self.recipe
        for group in self._adam.param_groups:
            group["lr"] = scheduled(self._rate, recipe.schedule, self.taken, self.adam_steps)
        if self._clip is not None:
            norm = gradient.norm(dim=1, keepdim=True)
            gradient = gradient * (self._clip / norm.clamp_min(1e-30)).clamp_max(1.0)
        count = loss.clamp_min(1e-6)
        count = (count / count.amax()) ** recipe.worst  # of the largest: no power is 0 or infinite
        self._bends.grad = (w[:, 1:-1] * (count / count.sum())[:, None]).T @ gradient
        self._adam.step()
        self._count()

    def move_to(self, bends: Float[np.ndarray, "bends D"]) -> None:
        """Put the bends elsewhere, as one step."""
        with torch.no_grad():
            self._bends.copy_(torch.from_numpy(bends))
        self._count()

    def _count(self) -> None:
        self.taken += 1
        self.steps += 1

    def state(self) -> dict[str, np.ndarray]:
        """Return everything from which `restore` goes on as if never interrupted."""
        kept = {name: np.array([getattr(self, name)]) for name in COUNTED}
        kept["bends"] = self.bends
        moments = self._adam.state_dict()["state"].get(0, {})
        return kept | {
            name: np.atleast_1d(value.cpu().numpy().copy()) for name, value in moments.items()
        }

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from what `state` returned.

        Raises:
            KeyError, ValueError: if it is of another curve.
        """
        if state["bends"].shape != self.bends.shape:
            raise ValueError("The checkpoint is of another curve.")
        with torch.no_grad():
            self._bends.copy_(torch.from_numpy(state["bends"]))
        for name in COUNTED:
            setattr(self, name, state[name][0].item())
        own = ("bends", *COUNTED)
        moments = {k: torch.from_numpy(v) for k, v in state.items() if k not in own}
        if moments:
            moments["step"] = moments["step"].reshape(())
        saved: dict[str, Any] = self._adam.state_dict()
        saved["state"] = {0: moments} if moments else {}
        self._adam.load_state_dict(saved)


class Curves:
    """Curves of one model that move together, a step each: one training, as far as passes go.

    Attributes:
        model: runs the passes.
        moving: those that take the next step; all have the same number of target tokens.
        rows_at_once: how many samples memory allows in one pass.
        spent: compute time of all steps, seconds.
    """

    def __init__(self, model: FrozenModel, layout: OnePass, N: int) -> None:
        self.model, self._layout = model, layout
        self.moving: Sequence[CurveTrainer] = ()
        self.rows_at_once = rows_that_fit(model, layout.length(N))
        self.spent = 0.0

    @property
    def live_lengths(self) -> list[int]:
        """Target tokens of each sample of the next step."""
        return [len(curve.targets) for curve in self.moving for _ in range(curve.recipe.samples)]

    def shrink(self, tried: int) -> None:
        """Take fewer samples at a time from here: so many, maybe with others', were too many."""
        self.rows_at_once = min(self.rows_at_once, tried // 2)

    def propose(self, *, detail: bool = False) -> list[Proposal]:
        """Return what the next step has to know: the gradient at this step's samples."""
        points = torch.cat([curve.rows()[1] for curve in self.moving])
        targets = torch.cat(
            [curve.targets.expand(curve.recipe.samples, -1) for curve in self.moving]
        )
        inputs = self._layout.inputs(self.model, points.unflatten(1, (2, -1)), targets)
        rows = list(range(len(points)))
        return [Proposal(self, self.model, rows, inputs, targets, self._layout.first)]

    def apply(self, proposals: Sequence[Proposal], answers: Sequence[Answer]) -> int:
        """Move each curve's bends; return how many curves there are."""
        started = time.perf_counter()
        (asked,), (said,) = proposals, answers
        by_point = self._layout.by_vector(said.gradient, asked.targets.shape[1]).flatten(1)
        samples = [curve.recipe.samples for curve in self.moving]
        losses = said.statistics.loss.mean(1).split(samples)
        for curve, gradient, loss in zip(self.moving, by_point.split(samples), losses, strict=True):
            curve.update(curve.rows()[0], gradient, loss)
        self.spent += said.seconds + time.perf_counter() - started
        return len(self.moving)
