"""What all training over a frozen model shares: phases, steps, memory that runs short, checkpoints.

`Trainer` (e and m) and `MemoryTrainer` (the autoregressive baseline) are made of it, which is what
makes them comparable.
"""

import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, replace
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from explorer.base.errors import BadInputError
from explorer.model.frozen import FrozenModel
from explorer.model.head import TokenStatistics
from explorer.runtime.interruption import Interrupted, abandonable, check
from explorer.specs.recipes import Recipe
from explorer.training.memory import is_out_of_memory, rows_of_next_pass, rows_that_fit
from explorer.training.optimiser import VectorAdamW, finish_rate, rate
from explorer.training.rows import DONE, FINISH, REST, SEARCH, Group, Row, RowState

S = TypeVar("S")


class Engine(ABC):
    """Trains rows of W vectors until each is exact in float32 or has used up its steps.

    A row searches in the fast number format; once exact there, it ends if its very vectors, alone
    in a batch, are exact in float32. If they are not, its last steps run in float32. Vectors are
    remembered together with the measurement that scored them: a step measures, then remembers,
    then moves.

    Attributes:
        model: runs the search.
        rows: what is trained.
        recipe: how.
        notices: what a person should know, such as memory that was short.
        spent: compute time of all steps, seconds.
    """

    def __init__(
        self,
        model: FrozenModel,
        rows: Sequence[Row],
        recipe: Recipe,
        *,
        longest: int,
        vectors: Float[Tensor, "V d"],
        uses: Int[Tensor, "rows W"],
        groups: list[Group],
        exact_model: Callable[[], FrozenModel] | None = None,
    ) -> None:
        """Prepare the training of a table of vectors.

        Args:
            model: runs the search.
            rows: what to train.
            recipe: how to train.
            longest: input positions of the longest row.
            vectors: where they start, float32.
            uses: which vectors each row uses.
            groups: rows that move and end together, each row in one group.
            exact_model: gives the same weights in float32 when first needed; None: `model` is
                final.

        Raises:
            BadInputError: if a row is longer than the model's positions.
        """
        if longest > model.max_positions:
            raise BadInputError(
                f"{longest} input positions are more than the {model.max_positions} this model "
                "was made for. Choose a smaller length."
            )
        self.model, self.rows, self.recipe = model, rows, recipe
        self.notices: list[str] = []
        self.spent = 0.0
        self._exact_model = exact_model
        self._exact: FrozenModel | None = None if exact_model else model
        self._rows_at_once = rows_that_fit(model, longest)
        self._targets = [torch.tensor(r.target_ids, device=model.device) for r in rows]
        self._state = [RowState() for _ in rows]
        self._groups = groups
        self._vectors = vectors.to(model.device)
        self._uses = uses.to(model.device)
        self._best: Float[Tensor, "rows W d"] = self._vectors[self._uses]
        self._said: dict[int, tuple[Float[np.ndarray, "W d"], Any]] = {}
        self._optimiser = VectorAdamW(recipe, len(vectors), model.d_model, model.device)

    @abstractmethod
    def _loss_and_gradient(
        self, model: FrozenModel, rows: list[int], targets: Int[Tensor, "n N"]
    ) -> tuple[TokenStatistics, Float[Tensor, "n W d"]]:
        """Measure rows of one length; return it with the gradient of each loss by its vectors."""

    @abstractmethod
    def _margin_alone(self, i: int) -> float:
        """Return the least lead of a target's logit: row i's best vectors, alone, in float32."""

    def _is_exact(self, i: int) -> bool:
        """Return whether row i is exact beyond another machine's rounding."""
        margin = self._margin_alone(i)
        return margin > 0 and margin >= self.recipe.finish_margin

    def _of_best(self, i: int, work: Callable[[Float[np.ndarray, "W d"]], S]) -> S:
        """Return what `work` says of row i's best vectors; for the same ones it is asked once."""
        best = self._best[i].cpu().numpy()
        if i not in self._said or not np.array_equal(self._said[i][0], best):
            self._said[i] = best.copy(), work(best)
        said: S = self._said[i][1]
        return said

    @property
    def exact_model(self) -> FrozenModel:
        """The model that confirms results: float32 unless that does not fit."""
        if self._exact is None:
            assert self._exact_model is not None
            self._exact = self._exact_model()
        return self._exact

    @property
    def finished(self) -> bool:
        """Whether every row is over."""
        return all(g.phase == DONE for g in self._groups)

    @property
    def fraction(self) -> float:
        """Steps of the row that has taken most, as a part of those it may take."""
        return min(1.0, max(g.steps for g in self._groups) / self.recipe.max_steps)

    def _step(self) -> None:
        """Measure and move every live row; `Interrupted` while measuring, nothing has changed."""
        started = time.perf_counter()
        live = [g for g in self._groups if g.phase not in (DONE, REST)]
        parts = [(p, of) for p in (FINISH, SEARCH) if (of := [g for g in live if g.phase == p])]
        before = [replace(state) for state in self._state]
        try:
            with abandonable():
                gradients = [self._gradient(phase, groups) for phase, groups in parts]
        except Interrupted:
            self._state = before
            raise
        over: list[tuple[Group, str | None]] = []
        for (phase, groups), gradient in zip(parts, gradients, strict=True):
            over += self._advance(groups, phase, gradient)
        elapsed = time.perf_counter() - started
        for group in live:
            for i in group.rows:
                self._state[i].seconds += elapsed
        for group, reason in over:
            self._end(group, reason)
        self.spent += time.perf_counter() - started

    def stop(self, reason: str, rows: Collection[int] | None = None) -> None:
        """End live rows where they are, all or those named; their best vectors stay.

        Rows that share a vector with one of those named end with it.
        """
        for group in self._groups:
            if group.phase != DONE and (rows is None or not set(rows).isdisjoint(group.rows)):
                self._end(group, reason)

    def adopt(self, i: int, other: "Engine", j: int) -> None:
        """Go on with row j of another engine of the same kind, as row i, as if it had been here.

        Neither row may share a vector with others.
        """
        mine, theirs = self._uses[i], other._uses[j]
        own, given = self._tensors(), other._tensors()
        for name in own:
            at, of = (i, j) if name == "best" else (mine, theirs)
            own[name][at] = given[name][of]
        self._state[i] = replace(other._state[j])
        group = next(g for g in self._groups if i in g.rows)
        left = next(g for g in other._groups if j in g.rows)
        group.phase, group.steps, group.best = left.phase, left.steps, left.best

    def _end(self, group: Group, reason: str | None) -> None:
        group.phase = DONE
        for i in group.rows:
            self._state[i].reason = reason

    def _advance(
        self, groups: list[Group], phase: str, gradient: Float[Tensor, "V d"]
    ) -> list[tuple[Group, str | None]]:
        """Promote or move each group of one phase, or return it with why it ends."""
        moving: list[Group] = []
        over: list[tuple[Group, str | None]] = []
        for group in groups:
            states = [self._state[i] for i in group.rows]
            if not all(np.isfinite(s.loss) for s in states):
                over.append((group, "diverged: the loss is not a finite number"))
                continue
            lead = self.recipe.finish_margin if phase == FINISH else 0.0
            secure = all(s.accuracy == 1.0 and s.margin >= lead for s in states)
            self._remember(group, secure=secure)
            if secure and phase == SEARCH:
                self._promote(group)
            if secure and all(self._is_exact(i) for i in group.rows):
                over.append((group, None))
            elif group.steps >= self.recipe.max_steps:
                over.append((group, f"not exact within {self.recipe.max_steps} steps"))
            elif group.phase == phase:  # one just promoted needs its gradient in float32 first
                moving.append(group)
        if moving:
            self._move(moving, gradient, phase)
        return over

    def _remember(self, group: Group, *, secure: bool) -> None:
        """Keep the group's vectors if these measurements are its best."""
        states = [self._state[i] for i in group.rows]
        accuracy = sum(s.accuracy for s in states) / len(states)
        loss = sum(s.loss for s in states) / len(states)
        now = (accuracy, group.phase == FINISH, -loss)
        if secure or now >= group.best:
            group.best = now
            self._best[group.rows] = self._vectors[self._uses[group.rows]]

    def _promote(self, group: Group) -> None:
        """Let a group that is exact in the fast format finish in float32."""
        group.phase = FINISH
        group.best = Group.best  # what counts from here is measured in float32
        if self.recipe.finish_lr is not None:
            self._optimiser.reset(torch.tensor(group.vectors, device=self._vectors.device))

    def _move(self, groups: list[Group], gradient: Float[Tensor, "V d"], phase: str) -> None:
        unit = self.model.embedding_std
        slow = finish_rate(self.recipe, unit) if phase == FINISH else None
        which: list[int] = []
        rates: list[float] = []
        for group in groups:
            which += group.vectors
            loss = sum(self._state[i].loss for i in group.rows) / len(group.rows)
            lr = slow if slow is not None else rate(self.recipe, group.steps, unit, loss)
            rates += [lr] * len(group.vectors)
            group.steps += 1
        at = torch.tensor(which, device=self._vectors.device)
        lr_each = torch.tensor(rates, device=self._vectors.device)
        self._optimiser.update(self._vectors, at, gradient[at], lr_each)

    def _gradient(self, phase: str, groups: list[Group]) -> Float[Tensor, "V d"]:
        """Measure the rows of groups of one phase in its number format."""
        model = self.model if phase == SEARCH else self.exact_model
        return self._measure(model, [i for g in groups for i in g.rows])

    def _measure(self, model: FrozenModel, rows: list[int]) -> Float[Tensor, "V d"]:
        """Measure rows, and return the gradient of the summed loss by every vector of the table."""
        gradient = torch.zeros_like(self._vectors)

        def add(part: list[int], targets: Int[Tensor, "n N"]) -> None:
            measured, by_vector = self._loss_and_gradient(model, part, targets)
            gradient.index_add_(0, self._uses[part].flatten(), by_vector.flatten(0, 1))
            self._note(part, measured)

        self._in_batches(rows, add)
        return gradient

    def _in_batches(
        self, rows: list[int], work: Callable[[list[int], Int[Tensor, "n N"]], None]
    ) -> None:
        """Give rows and their targets to `work`, as many of one length as memory and speed allow.

        If memory does not suffice after all, the same rows come again, fewer at a time.
        """
        by_length: defaultdict[int, list[int]] = defaultdict(list)
        for i in rows:
            by_length[len(self.rows[i].target_ids)].append(i)
        for length, same in by_length.items():
            at = 0
            while at < len(same):
                check()
                fit = self._rows_at_once
                size = rows_of_next_pass(self.model.device, len(same) - at, length, fit)
                part = same[at : at + size]
                try:
                    work(part, torch.stack([self._targets[i] for i in part]))
                    at += len(part)
                except RuntimeError as error:
                    if not is_out_of_memory(error):
                        raise
                    self._shrink(len(part))

    def _note(self, rows: list[int], measured: TokenStatistics) -> None:
        """Keep the loss, accuracy and margin of each of these rows."""
        summary = torch.stack(
            [measured.loss.mean(1), measured.correct.float().mean(1), measured.margin.amin(1)]
        )
        for i, (loss, accuracy, margin) in zip(rows, summary.T.tolist(), strict=True):
            state = self._state[i]
            state.loss, state.accuracy, state.margin = loss, accuracy, margin

    def _shrink(self, tried: int) -> None:
        if tried <= 1:
            raise BadInputError(
                "One row of this length does not fit into memory. "
                "Choose a shorter length or a smaller model."
            )
        self._rows_at_once = tried // 2
        self.notices.append(f"Memory was short: {self._rows_at_once} rows at a time from here.")
        if self.model.device.type == "cuda":
            torch.cuda.empty_cache()

    def checkpoint(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return tensors and plain values from which `restore` goes on as if never interrupted."""
        tensors = {name: t.cpu().numpy().copy() for name, t in self._tensors().items()}
        return tensors, {
            "rows": [asdict(s) for s in self._state],
            "groups": [asdict(g) for g in self._groups],
            "notices": list(self.notices),
            "spent": self.spent,
            "rows_at_once": self._rows_at_once,
        }

    def restore(self, tensors: dict[str, np.ndarray], values: dict[str, Any]) -> None:
        """Go on from a checkpoint of a trainer made with the same arguments.

        Raises:
            KeyError, TypeError, ValueError: if it is not one; nothing has changed then.
        """
        states = [RowState(**s) for s in values["rows"]]
        groups = [Group(**{**g, "best": tuple(g["best"])}) for g in values["groups"]]
        mine = self._tensors()
        if any(tensors[name].shape != tuple(tensor.shape) for name, tensor in mine.items()):
            raise ValueError("The checkpoint is of another run.")
        for name, tensor in mine.items():
            tensor.copy_(torch.from_numpy(tensors[name]))
        self._state, self._groups = states, groups
        self.notices = list(values.get("notices", []))
        self.spent = values.get("spent", 0.0)
        self._rows_at_once = min(self._rows_at_once, values.get("rows_at_once", len(self.rows)))

    def _tensors(self) -> dict[str, Tensor]:
        o = self._optimiser
        moments = {"mean": o.mean, "square": o.square, "count": o.count}
        return {"vectors": self._vectors, "best": self._best, **moments}


def require_some(rows: Sequence[Row]) -> None:
    """Make sure that there is something to train.

    Raises:
        BadInputError: if there is not.
    """
    if not rows:
        raise BadInputError("There is nothing to train: give at least one text and restart.")
