"""Where a training stands: all that a step changes, and that a checkpoint holds."""

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from explorer.model.head import TokenStatistics
from explorer.model.metrics import Score, scores
from explorer.training.optimiser import VectorAdamW, finish_rate, rate
from explorer.training.rows import DONE, FINISH, REST, Group, RowState, StepReport

SHOWN = ("predicted", "p", "rank")
"""What reports show of a detailed measurement."""


class TrainingState:
    """Vectors, their moments, the groups that move them, and what was measured last.

    Attributes:
        vectors: float32 (V, d_model), every vector as it is now.
        uses: int64 (rows, W), which of them each row uses.
        best: float32 (rows, W, d_model), those of each row that scored best.
        optimiser: moves them.
        rows: the last measurement of each row.
        groups: rows that move, rest and end together; each row is in one of them.
        group_of: the group of each row.
        shown: the last detailed measurement of each row; once it is over, the score of its outcome.
        shown_vectors: float32 (rows, W, d_model), where it was measured.
        notices: what a person should know, such as memory that was short.
        spent: compute time of all steps, seconds.
        rows_at_once: how many rows memory allows in one pass.
    """

    def __init__(
        self,
        vectors: Float[Tensor, "V d"],
        uses: Int[Tensor, "rows W"],
        groups: list[Group],
        optimiser: VectorAdamW,
        lengths: list[int],
        rows_at_once: int,
    ) -> None:
        self.vectors, self.uses, self.groups = vectors, uses, groups
        self.best: Float[Tensor, "rows W d"] = vectors[uses]
        self.optimiser = optimiser
        self.rows = [RowState() for _ in lengths]
        self.shown = [Score.blank(N) for N in lengths]
        self.shown_vectors = self.best.clone()
        self.notices: list[str] = []
        self.spent = 0.0
        self.rows_at_once = rows_at_once
        self._index()

    def _index(self) -> None:
        by_row = {i: group for group in self.groups for i in group.rows}
        self.group_of = [by_row[i] for i in range(len(self.rows))]

    @property
    def live(self) -> list[Group]:
        """The groups that the next step moves."""
        return [g for g in self.groups if g.phase not in (DONE, REST)]

    def of_rows(self, rows: list[int]) -> Float[Tensor, "n W d"]:
        """Return the vectors of some rows as they are now."""
        return self.vectors[self.uses[rows]]

    def note(self, rows: list[int], measured: TokenStatistics) -> None:
        """Keep what was measured of some rows, before they move; in detail if it was in detail."""
        summary = torch.stack(
            [measured.loss.mean(1), measured.correct.float().mean(1), measured.margin.amin(1)]
        )
        for i, (loss, accuracy, margin) in zip(rows, summary.T.tolist(), strict=True):
            state = self.rows[i]
            state.loss, state.accuracy, state.margin = loss, accuracy, margin
        if measured.predicted is not None:
            self.shown_vectors[rows] = self.of_rows(rows)
            for i, shown in zip(rows, scores(measured), strict=True):
                self.shown[i] = shown

    def report(self, *, detailed: bool) -> StepReport:
        """Return every row as it stands."""
        return StepReport(
            steps=np.array([g.steps for g in self.group_of]),
            loss=np.array([s.loss for s in self.rows], dtype=np.float32),
            accuracy=np.array([s.accuracy for s in self.rows], dtype=np.float32),
            phase=tuple(g.phase for g in self.group_of),
            reason=tuple(s.reason for s in self.rows),
            detailed=detailed,
            predicted=[s.predicted for s in self.shown],
            p=[s.p for s in self.shown],
            rank=[s.rank for s in self.shown],
        )

    def remember(self, group: Group, *, secure: bool) -> None:
        """Keep a group's vectors if the last measurements are its best.

        Args:
            group: its rows were measured where they stand.
            secure: whether they are exact, which is best whatever was before.
        """
        states = [self.rows[i] for i in group.rows]
        accuracy = sum(s.accuracy for s in states) / len(states)
        loss = sum(s.loss for s in states) / len(states)
        now = (accuracy, group.phase == FINISH, -loss)
        if secure or now >= group.best:
            group.best = now
            self.best[group.rows] = self.of_rows(group.rows)

    def promote(self, group: Group) -> None:
        """Let a group that is exact in the fast number format finish in float32."""
        group.phase = FINISH
        group.best = Group.best  # what counts from here is measured in float32
        if self.optimiser.recipe.finish_lr is not None:
            self.optimiser.reset(torch.tensor(group.vectors, device=self.vectors.device))

    def move(self, groups: list[Group], gradient: Float[Tensor, "V d"], unit: float) -> None:
        """Move the vectors of some groups one step.

        Args:
            groups: their rows were measured where they stand.
            gradient: of the summed loss by every vector.
            unit: the model's mean embedding standard deviation.
        """
        recipe = self.optimiser.recipe
        slow = finish_rate(recipe, unit)
        which: list[int] = []
        rates: list[float] = []
        for group in groups:
            loss = sum(self.rows[i].loss for i in group.rows) / len(group.rows)
            lr = slow if group.phase == FINISH else None
            lr = rate(recipe, group.steps, unit, loss) if lr is None else lr
            which += group.vectors
            rates += [lr] * len(group.vectors)
            group.steps += 1
        at = torch.tensor(which, device=self.vectors.device)
        lr_each = torch.tensor(rates, device=self.vectors.device)
        self.optimiser.update(self.vectors, at, gradient[at], lr_each)

    def adopt(self, i: int, other: "TrainingState", j: int) -> None:
        """Take over row j of another training, as row i; neither may share a vector."""
        mine, theirs = self.uses[i], other.uses[j]
        own, given = self._tensors(), other._tensors()
        for name in own:
            at, of = (i, j) if name in ("best", "shown") else (mine, theirs)
            own[name][at] = given[name][of]
        self.rows[i], self.shown[i] = replace(other.rows[j]), other.shown[j]
        group, left = self.group_of[i], other.group_of[j]
        group.phase, group.steps, group.best = left.phase, left.steps, left.best

    def checkpoint(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return tensors and plain values from which `restore` goes on as if never interrupted."""
        tensors = {name: t.cpu().numpy().copy() for name, t in self._tensors().items()}
        shown = {name: np.concatenate([getattr(s, name) for s in self.shown]) for name in SHOWN}
        return tensors | shown, {
            "rows": [asdict(s) for s in self.rows],
            "groups": [asdict(g) for g in self.groups],
            "notices": list(self.notices),
            "spent": self.spent,
            "rows_at_once": self.rows_at_once,
        }

    def restore(self, tensors: dict[str, np.ndarray], values: dict[str, Any]) -> None:
        """Go on from a checkpoint of a training that was begun alike.

        Raises:
            KeyError, TypeError, ValueError: if it is not one; nothing has changed then.
        """
        states = [RowState(**s) for s in values["rows"]]
        groups = [Group(**{**g, "best": tuple(g["best"])}) for g in values["groups"]]
        mine, ends = self._tensors(), np.cumsum([len(score.p) for score in self.shown])
        shapes = {name: tuple(tensor.shape) for name, tensor in mine.items()}
        shapes |= dict.fromkeys(SHOWN, (int(ends[-1]),))
        if any(tensors[name].shape != shape for name, shape in shapes.items()):
            raise ValueError("The checkpoint is of another run.")
        for name, tensor in mine.items():
            tensor.copy_(torch.from_numpy(tensors[name]))
        parts = zip(*(np.split(tensors[name], ends[:-1]) for name in SHOWN), strict=True)
        self.shown = [
            replace(score, **dict(zip(SHOWN, part, strict=True)))
            for score, part in zip(self.shown, parts, strict=True)
        ]
        self.rows, self.groups = states, groups
        self.notices = list(values.get("notices", []))
        self.spent = values.get("spent", 0.0)
        self.rows_at_once = min(self.rows_at_once, values.get("rows_at_once", len(states)))
        self._index()

    def _tensors(self) -> dict[str, Tensor]:
        o = self.optimiser
        moments = {"mean": o.mean, "square": o.square, "count": o.count}
        kept = {"vectors": self.vectors, "best": self.best, "shown": self.shown_vectors}
        return kept | moments
