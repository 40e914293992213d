"""Trains e and m: rows of proto-tokens over one frozen model, one optimiser step at a time."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from explorer.model.frozen import FrozenModel
from explorer.model.head import TokenStatistics
from explorer.model.metrics import Score, input_sequence, score, scores
from explorer.solutions.solution import BEATEN, halted
from explorer.specs.arrangements import ArrangementKey, holds_m, input_length, read_from
from explorer.specs.recipes import Recipe
from explorer.training.engine import Engine, require_some
from explorer.training.rows import DONE, REST, Group, Outcome, Row, StepReport
from explorer.training.sharing import groups_of, table
from explorer.training.starts import start_of
from explorer.training.successive_halving import arrange


class Trainer(Engine):
    """Trains e and m of each row until it is exact in float32 or out of steps.

    Rows may share a vector, and then move, and end, together. Among restarts of one text, one that
    is exact may end the others.
    """

    def __init__(
        self,
        model: FrozenModel,
        rows: Sequence[Row],
        arrangement: ArrangementKey,
        recipe: Recipe,
        *,
        exact_model: Callable[[], FrozenModel] | None = None,
        starts: dict[int, tuple[np.ndarray, np.ndarray]] | None = None,
        frozen: Collection[Literal["e", "m"]] = (),
        until: Literal["first", "all"] = "all",
    ) -> None:
        """Prepare e and m of every row.

        Args:
            model: runs the search.
            rows: what to train; seeds decide where each starts.
            arrangement: how e and m become an input sequence.
            recipe: how to train.
            exact_model: gives the same weights in float32 when first needed; None: `model` is
                final, and scores are labelled with its number format.
            starts: e and m (d_model,) to begin with instead of random ones, by row index.
            frozen: which of the two stay where they start.
            until: "first" ends the other restarts of a text once one is exact, and lets the worse
                half of them rest meanwhile if the recipe says so; "all" trains each to its end.

        Raises:
            BadInputError: if there are no rows, or a target is longer than the model's positions.
        """
        require_some(rows)
        begin = starts or {}
        pairs = [
            torch.from_numpy(np.stack(begin[i])) if i in begin else start_of(model, recipe, r)
            for i, r in enumerate(rows)
        ]
        vectors, uses = table(rows, pairs)
        super().__init__(
            model,
            rows,
            recipe,
            longest=max(input_length(arrangement, len(r.target_ids)) for r in rows),
            vectors=vectors,
            uses=uses,
            groups=groups_of(rows, uses, arrangement, frozen),
            exact_model=exact_model,
        )
        self.arrangement = arrangement
        self._shown = [_blank_score(len(r.target_ids)) for r in rows]
        self._shown_pairs = self._best.clone()
        self._detailed = False
        self._outcomes: dict[int, Outcome] = {}
        self._halvings = self._restarts_of_a_text() if until == "first" else []

    def _restarts_of_a_text(self) -> list[list[int]]:
        """Return the groups that train one text by themselves, together with those that do too."""
        by_text: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
        for k, group in enumerate(self._groups):
            if len(group.rows) == 1:
                by_text[self.rows[group.rows[0]].target_ids].append(k)
        return [groups for groups in by_text.values() if len(groups) > 1]

    def step(self, *, detail: bool = False) -> StepReport:
        """Measure every live row, end those that are exact, and move the others one step.

        Args:
            detail: also measure predicted ids, p(target) and rank.
        """
        self._detailed = detail
        self._step()
        self._halve_groups()
        return self.report(detailed=detail)

    def look(self) -> StepReport:
        """Measure every live row where it stands, in detail; nothing moves, no step is counted.

        Takes half of a step's time, without its way back: what somebody who waits sees first.
        """
        live = [i for g in self._groups if g.phase != DONE for i in g.rows]
        self._in_batches(live, self._look_at)
        return self.report(detailed=True)

    def _look_at(self, rows: list[int], targets: Int[Tensor, "n N"]) -> None:
        pair, first = self._vectors[self._uses[rows]], read_from(self.arrangement)
        inputs = input_sequence(pair[:, 0], pair[:, 1], self.arrangement, targets.shape[1])
        measured = self.model.measure(inputs, targets, first, detail=True)
        self._note(rows, measured)
        self._show(rows, pair, measured)

    def _show(
        self, rows: list[int], pair: Float[Tensor, "n 2 d"], measured: TokenStatistics
    ) -> None:
        """Keep what is shown of rows that were measured in detail, before they move."""
        self._shown_pairs[rows] = pair
        for i, shown in zip(rows, scores(measured), strict=True):
            self._shown[i] = shown

    def _halve_groups(self) -> None:
        """Among restarts of one text, end those that lost and let the worse ones rest."""
        for contest in self._halvings:
            groups = [self._groups[k] for k in contest]
            reasons = {self._state[g.rows[0]].reason for g in groups if g.phase == DONE}
            if None in reasons:
                for group in groups:
                    if group.phase != DONE:
                        rested = group.phase == REST
                        self._end(group, halted(group.steps) if rested else BEATEN)
            elif any(g.phase != DONE for g in groups):
                arrange(
                    groups, {g.rows[0]: self._state[g.rows[0]].loss for g in groups}, self.recipe
                )

    def outcome(self, i: int) -> Outcome:
        """Return row i's best vectors with their score, measured alone in a batch."""
        if i in self._outcomes:
            return self._outcomes[i]
        group = next(g for g in self._groups if i in g.rows)
        e, m = self._best[i].cpu().numpy()
        result = self._score_alone(i)
        state = self._state[i]
        found = Outcome(
            row=self.rows[i],
            e=e,
            m=m,
            score=result,
            steps=group.steps,
            seconds=state.seconds,
            reason=None if result.exact else (state.reason or "still training"),
            confirmed_in=self.exact_model.number_format,
        )
        if group.phase == DONE:
            self._outcomes[i] = found
        return found

    def _score_alone(self, i: int) -> Score:
        ids = self.rows[i].target_ids
        key = self.arrangement
        return self._of_best(i, lambda pair: score(self.exact_model, pair[0], pair[1], ids, key))

    def _margin_alone(self, i: int) -> float:
        return self._score_alone(i).margin

    def _end(self, group: Group, reason: str | None) -> None:
        super()._end(group, reason)
        for i in group.rows:
            state = self._state[i]
            final = self.outcome(i)
            state.accuracy, state.loss = final.score.accuracy, final.score.loss
            state.reason = final.reason
            self._shown[i] = final.score

    @torch.no_grad()
    def _loss_and_gradient(
        self, model: FrozenModel, rows: list[int], targets: Int[Tensor, "n N"]
    ) -> tuple[TokenStatistics, Float[Tensor, "n 2 d"]]:
        pair, length = self._vectors[self._uses[rows]], targets.shape[1]
        inputs = input_sequence(pair[:, 0], pair[:, 1], self.arrangement, length)
        measured, by_input = model.loss_and_gradient(
            inputs, targets, read_from(self.arrangement), detail=self._detailed
        )
        if self._detailed:
            self._show(rows, pair, measured)
        at_m = torch.as_tensor(holds_m(self.arrangement, length), device=by_input.device)
        by_pair = torch.stack([by_input[:, ~at_m].sum(1), by_input[:, at_m].sum(1)], 1)
        return measured, by_pair

    def report(self, *, detailed: bool) -> StepReport:
        """Return every row as it stands."""
        group_of = {i: g for g in self._groups for i in g.rows}
        groups = [group_of[i] for i in range(len(self.rows))]
        return StepReport(
            steps=np.array([g.steps for g in groups]),
            loss=np.array([s.loss for s in self._state], dtype=np.float32),
            accuracy=np.array([s.accuracy for s in self._state], dtype=np.float32),
            phase=tuple(g.phase for g in groups),
            reason=tuple(s.reason for s in self._state),
            detailed=detailed,
            predicted=[s.predicted for s in self._shown],
            p=[s.p for s in self._shown],
            rank=[s.rank for s in self._shown],
        )

    def seconds(self, i: int) -> float:
        """Return the compute time of the steps row i took part in."""
        return self._state[i].seconds

    def vectors_of(self, i: int) -> Float[np.ndarray, "2 d"]:
        """Return row i's e and m as they stand now (once it is over: as they are kept)."""
        kept = i in self._outcomes
        pair = self._best[i] if kept else self._vectors[self._uses[i]]
        return pair.cpu().numpy()

    def measured_vectors_of(self, i: int) -> Float[np.ndarray, "2 d"]:
        """Return row i's e and m of its last detailed measurement (once over: those kept)."""
        pair = self._best[i] if i in self._outcomes else self._shown_pairs[i]
        return pair.cpu().numpy()

    def restore(self, tensors: dict[str, np.ndarray], values: dict[str, Any]) -> None:
        """Go on from a checkpoint of a trainer made with the same arguments.

        Raises:
            KeyError, TypeError, ValueError: if it is not one; nothing has changed then.
        """
        super().restore(tensors, values)
        self._outcomes.clear()
        for group in self._groups:
            if group.phase == DONE:
                for i in group.rows:
                    self._shown[i] = self.outcome(i).score


def _blank_score(length: int) -> Score:
    """Return what is shown of a row before its first detailed measurement."""
    nothing = np.zeros(length, dtype=np.int64)
    return Score(
        nothing,
        nothing.astype(np.float32),
        nothing + 1,
        nothing.astype(bool),
        float("nan"),
        float("-inf"),
    )
