"""Trains vectors over one frozen model: rows of e and m or memory vectors, one step at a time."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from explorer.base.errors import BadInputError
from explorer.base.language import tr
from explorer.model.frozen import FrozenModel
from explorer.model.metrics import Score
from explorer.solutions.solution import BEATEN, halted
from explorer.specs.arrangements import ArrangementKey
from explorer.specs.recipes import Recipe
from explorer.training.layouts import Layout, OnePass
from explorer.training.memory import rows_that_fit
from explorer.training.optimiser import VectorAdamW
from explorer.training.rows import DONE, FINISH, REST, SEARCH, Group, Outcome, Row, StepReport
from explorer.training.scoring import Scores, of_one_length
from explorer.training.shared_pass import Answer, Proposal, Step
from explorer.training.sharing import groups_of, table
from explorer.training.state import TrainingState
from explorer.training.successive_halving import arrange, restarts_of_a_text


class Trainer:
    """Trains the vectors of each row until it is exact in float32 or has used up its steps.

    A row searches in the fast number format; once exact there, it ends if its very vectors, alone
    in a batch, are exact in float32. If they are not, its last steps run in float32. Vectors are
    remembered together with the measurement that scored them: a step measures, then remembers,
    then moves. Rows may share a vector, and then move, and end, together. Among restarts of one
    text, one that is exact may end the others.

    Attributes:
        model: runs the search.
        rows: what is trained.
        layout: how the vectors become what the model reads.
        recipe: how they are trained.
    """

    def __init__(
        self,
        model: FrozenModel,
        rows: Sequence[Row],
        layout: Layout[Any] | ArrangementKey,
        recipe: Recipe,
        *,
        exact_model: Callable[[], FrozenModel] | None = None,
        starts: Mapping[int, Sequence[np.ndarray]] | None = None,
        frozen: Collection[Literal["e", "m"]] = (),
        until: Literal["first", "all"] = "all",
    ) -> None:
        """Prepare the vectors of every row.

        Args:
            model: runs the search.
            rows: what to train; seeds decide where each starts.
            layout: how the vectors become an input sequence; an arrangement is one of e and m.
            recipe: how to train.
            exact_model: gives the same weights in float32 when first needed; None: `model` is
                final, and scores are labelled with its number format.
            starts: vectors (d_model,) to begin with instead of random ones, by row index.
            frozen: which of e and m stay where they start.
            until: "first" ends the other restarts of a text once one is exact, and lets the worse
                half of them rest meanwhile if the recipe says so; "all" trains each to its end.

        Raises:
            BadInputError: if there are no rows, or a target is longer than the model's positions.
        """
        if not rows:
            raise BadInputError(
                tr("There is nothing to train: give at least one text and restart.")
            )
        self.layout = layout if isinstance(layout, Layout) else OnePass.of(layout, model)
        longest = max(self.layout.length(len(r.target_ids)) for r in rows)
        if longest > model.max_positions:
            raise BadInputError(
                tr(
                    "{longest} input positions are more than the {max_positions} this model "
                    "was made for. Choose a smaller length.",
                    longest=longest,
                    max_positions=model.max_positions,
                )
            )
        self.model, self.rows, self.recipe = model, rows, recipe
        self._exact_model = exact_model
        self._targets = [torch.tensor(r.target_ids, device=model.device) for r in rows]
        given = {i: torch.from_numpy(np.stack(own)) for i, own in (starts or {}).items()}
        begin = [
            given[i] if i in given else self.layout.start(model, recipe, row)
            for i, row in enumerate(rows)
        ]
        vectors, uses = table(rows, self.layout, begin)
        self._state = TrainingState(
            vectors.to(model.device),
            uses.to(model.device),
            groups_of(rows, uses, self.layout, frozen),
            VectorAdamW(recipe, len(vectors), model.d_model, model.device),
            [len(row.target_ids) for row in rows],
            rows_that_fit(model, longest),
        )
        self._scores = Scores(self.layout, self._targets, lambda: self.exact_model)
        self._races = restarts_of_a_text(rows, self._state.groups) if until == "first" else []

    @cached_property
    def exact_model(self) -> FrozenModel:
        """The model that confirms results: float32 unless that does not fit."""
        return self.model if self._exact_model is None else self._exact_model()

    @property
    def finished(self) -> bool:
        """Whether every row is over."""
        return all(g.phase == DONE for g in self._state.groups)

    @property
    def fraction(self) -> float:
        """Steps of the row that has taken most, as a part of those it may take."""
        return min(1.0, max(g.steps for g in self._state.groups) / self.recipe.max_steps)

    @property
    def notices(self) -> list[str]:
        """What a person should know, such as memory that was short."""
        return self._state.notices

    @property
    def spent(self) -> float:
        """Compute time of all steps, seconds."""
        return self._state.spent

    @property
    def live_lengths(self) -> list[int]:
        """Target tokens of each row that the next step moves."""
        return [len(self.rows[i].target_ids) for g in self._state.live for i in g.rows]

    @property
    def rows_at_once(self) -> int:
        """How many rows memory allows in one pass."""
        return self._state.rows_at_once

    def shrink(self, tried: int) -> None:
        """Take fewer rows at a time from here: so many, maybe with others', were too many."""
        if tried // 2 < self.rows_at_once:
            self._state.rows_at_once = tried // 2
            self.notices.append(f"Memory was short: {tried // 2} rows at a time from here.")

    def step(self, *, detail: bool = False) -> StepReport:
        """Measure every live row, end those that are exact, and move the others one step.

        Args:
            detail: also measure predicted ids, p(target) and rank.

        Raises:
            BadInputError: if one row alone does not fit into memory.
            Interrupted: if it was left while measuring; nothing has changed then.
        """
        return Step(self, lambda: detail).take()

    @torch.no_grad()
    def propose(self, *, detail: bool = False) -> list[Proposal]:
        """Return what the next step has to know of live rows; nothing changes.

        Args:
            detail: also ask for predicted ids, p(target) and rank.
        """
        groups = self._state.groups
        asked = []
        for phase in (FINISH, SEARCH):
            if rows := [i for g in groups if g.phase == phase for i in g.rows]:
                model = self.model if phase == SEARCH else self.exact_model
                asked += self._proposals(model, rows, detail=detail)
        return asked

    def _proposals(self, model: FrozenModel, rows: list[int], *, detail: bool) -> list[Proposal]:
        found = []
        for same in of_one_length(rows, self._targets):
            targets = torch.stack([self._targets[i] for i in same])
            inputs = self.layout.inputs(model, self._state.of_rows(same), targets)
            first = self.layout.first
            found.append(Proposal(self, model, same, inputs, targets, first, detail))
        return found

    @torch.no_grad()
    def apply(self, proposals: Sequence[Proposal], answers: Sequence[Answer]) -> StepReport:
        """End the rows that are exact, and move the others one step.

        Args:
            proposals: what `propose` gave; nothing has changed since.
            answers: one for each.
        """
        started = time.perf_counter() - sum(said.seconds for said in answers)
        state, live = self._state, self._state.live
        gradient = torch.zeros_like(state.vectors)
        for asked, said in zip(proposals, answers, strict=True):
            by_vector = self.layout.by_vector(said.gradient, asked.targets.shape[1])
            uses, each = state.uses[asked.rows].flatten(), by_vector.flatten(0, 1)
            if gradient.is_cuda:  # there index_add_ adds in any order, and rounds in as many ways
                gradient.index_put_((uses,), each, accumulate=True)
            else:
                gradient.index_add_(0, uses, each)
            state.note(asked.rows, said.statistics)
        over = self._advance(live, gradient)
        elapsed = time.perf_counter() - started
        for i in (i for group in live for i in group.rows):
            state.rows[i].seconds += elapsed
        self._end(over)
        state.spent += time.perf_counter() - started
        self._race()
        return self.report(detailed=any(asked.detail for asked in proposals))

    def _advance(
        self, live: list[Group], gradient: Float[Tensor, "V d"]
    ) -> list[tuple[Group, str | None]]:
        """Promote or move each group that was measured, or return it with why it ends."""
        state = self._state
        moving: list[Group] = []
        over: list[tuple[Group, str | None]] = []
        for group in live:
            phase, states = group.phase, [state.rows[i] for i in group.rows]
            if not all(np.isfinite(s.loss) for s in states):
                over.append((group, "diverged: the loss is not a finite number"))
                continue
            lead = self.recipe.finish_margin if phase == FINISH else 0.0
            secure = all(s.accuracy == 1.0 and s.margin >= lead for s in states)
            state.remember(group, secure=secure)
            if secure and phase == SEARCH:
                state.promote(group)
            if secure and all(self._is_exact(i) for i in group.rows):
                over.append((group, None))
            elif group.steps >= self.recipe.max_steps:
                over.append((group, f"not exact within {self.recipe.max_steps} steps"))
            elif group.phase == phase:  # one just promoted needs its gradient in float32 first
                moving.append(group)
        if moving:
            state.move(moving, gradient, self.model.embedding_std)
        return over

    def _race(self) -> None:
        """Among restarts of one text, end those that lost and let the worse ones rest."""
        state, over = self._state, list[tuple[Group, str | None]]()
        for rows in self._races:
            groups = [state.group_of[i] for i in rows]
            reasons = {state.rows[i].reason for i in rows if state.group_of[i].phase == DONE}
            if None in reasons:
                for group in groups:
                    if group.phase != DONE:
                        rested = group.phase == REST
                        over.append((group, halted(group.steps) if rested else BEATEN))
            elif self.layout.rests and any(g.phase != DONE for g in groups):
                arrange(groups, {i: state.rows[i].loss for i in rows}, self.recipe)
        self._end(over)

    def stop(self, reason: str, rows: Collection[int] | None = None) -> None:
        """End live rows where they are, all or those named; their best vectors stay.

        Rows that share a vector with one of those named end with it.
        """
        live = [group for group in self._state.groups if group.phase != DONE]
        asked = (g for g in live if rows is None or not set(rows).isdisjoint(g.rows))
        self._end([(group, reason) for group in asked])

    def _end(self, over: Collection[tuple[Group, str | None]]) -> None:
        reasons = {i: reason for group, reason in over for i in group.rows}
        scores = self._scores.of(list(reasons), self._state.best, self.rows_at_once)
        for group, _ in over:
            group.phase = DONE
        for (i, reason), found in zip(reasons.items(), scores, strict=True):
            state = self._state.rows[i]
            state.accuracy, state.loss = found.accuracy, found.loss
            state.reason = None if found.exact else (reason or "still training")
            self._state.shown[i] = found

    def score(self, i: int) -> Score:
        """Return what row i's best vectors are worth in float32."""
        return self._scores.of([i], self._state.best, self.rows_at_once)[0]

    def _is_exact(self, i: int) -> bool:
        """Return whether row i is exact beyond another machine's rounding."""
        margin = self.score(i).margin
        return margin > 0 and margin >= self.recipe.finish_margin

    def outcome(self, i: int) -> Outcome:
        """Return row i's best vectors with their score."""
        state, score = self._state.rows[i], self.score(i)
        return Outcome(
            row=self.rows[i],
            vectors=self._of_row(i, self._state.best[i]),
            score=score,
            steps=self._state.group_of[i].steps,
            seconds=state.seconds,
            reason=None if score.exact else (state.reason or "still training"),
            confirmed_in=self.exact_model.number_format,
        )

    def report(self, *, detailed: bool) -> StepReport:
        """Return every row as it stands."""
        return self._state.report(detailed=detailed)

    def seconds(self, i: int) -> float:
        """Return the compute time of the steps row i took part in."""
        return self._state.rows[i].seconds

    def vectors_of(self, i: int) -> Float[np.ndarray, "W d"]:
        """Return row i's vectors as they stand now (once it is over: as they are kept)."""
        return self._of_row(i, self._state.vectors[self._state.uses[i]])

    def shown_vectors_of(self, i: int) -> Float[np.ndarray, "W d"]:
        """Return row i's vectors of its last detailed measurement (once over: those kept)."""
        return self._of_row(i, self._state.shown_vectors[i])

    def _of_row(self, i: int, living: Float[Tensor, "W d"]) -> Float[np.ndarray, "W d"]:
        over = self._state.group_of[i].phase == DONE
        return (self._state.best[i] if over else living).cpu().numpy().copy()

    def adopt(self, i: int, other: "Trainer", j: int) -> None:
        """Go on with row j of another training of the same kind, as row i, as if always here.

        Neither row may share a vector with others.
        """
        self._state.adopt(i, other._state, j)

    def checkpoint(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return tensors and plain values from which `restore` goes on as if never interrupted."""
        return self._state.checkpoint()

    def restore(self, tensors: dict[str, np.ndarray], values: dict[str, Any]) -> None:
        """Go on from a checkpoint of a trainer made with the same arguments.

        Raises:
            KeyError, TypeError, ValueError: if it is not one; nothing has changed then.
        """
        self._state.restore(tensors, values)
