"""The batched engine: rows of e and m over one frozen model, one optimiser step at a time."""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from explorer.arrangements import ArrangementKey, holds_m, input_length, read_from
from explorer.errors import BadInputError
from explorer.head import Measured
from explorer.metrics import Score, input_sequence, score
from explorer.models import FrozenModel
from explorer.recipes import Recipe
from explorer.training.contest import arrange
from explorer.training.memory import is_out_of_memory, rows_that_fit
from explorer.training.optimiser import VectorAdamW, finish_rate, rate
from explorer.training.rows import (
    DONE,
    FINISH,
    REST,
    SEARCH,
    Group,
    Outcome,
    Row,
    RowState,
    StepReport,
)


class Trainer:
    """Trains rows until each is exact in float32 or has used up its steps.

    A row searches in the fast number format; once exact there, its last steps run in float32
    (`finish`), and it ends when its very vectors, alone in a batch, score exact in float32.
    Rows that share a vector form a group, which ends as one.

    Vectors are remembered together with the measurement that scored them: a step measures, then
    remembers, then moves.
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
        if not rows:
            raise BadInputError("There is nothing to train: give at least one text and restart.")
        longest = max(input_length(arrangement, len(r.target_ids)) for r in rows)
        if longest > model.max_positions:
            raise BadInputError(
                f"{longest} input positions are more than the {model.max_positions} this model "
                "was made for. Choose a smaller length."
            )
        self.model, self.rows, self.arrangement, self.recipe = model, rows, arrangement, recipe
        self.notices: list[str] = []
        self._exact_model = exact_model
        self._exact: FrozenModel | None = None if exact_model else model
        self._rows_at_once = rows_that_fit(model, longest)
        self._targets = [torch.tensor(r.target_ids, device=model.device) for r in rows]
        self._state = [RowState() for _ in rows]
        self._shown = [_blank_score(len(r.target_ids)) for r in rows]
        self._outcomes: dict[int, Outcome] = {}
        self._place_vectors(starts or {}, frozen)
        self._contests = self._restarts_of_a_text() if until == "first" else []

    def _place_vectors(
        self, starts: dict[int, tuple[np.ndarray, np.ndarray]], frozen: Collection[str]
    ) -> None:
        """Make the table of vectors, which row uses which, and the groups of rows that share."""
        index: dict[tuple[str, str | int], int] = {}
        values: list[Tensor] = []
        uses: list[list[int]] = []
        for i, row in enumerate(self.rows):
            pair = torch.from_numpy(np.stack(starts[i])) if i in starts else self._start(row.seed)
            keys = (
                ("e", i if row.e_key is None else row.e_key),
                ("m", i if row.m_key is None else row.m_key),
            )
            for key, value in zip(keys, pair, strict=True):
                if key not in index:
                    index[key] = len(values)
                    values.append(value.float())
            uses.append([index[key] for key in keys])
        device = self.model.device
        self._vectors: Float[Tensor, "V d"] = torch.stack(values).to(device)
        self._uses: Int[Tensor, "rows 2"] = torch.tensor(uses, device=device)
        self._best: Float[Tensor, "rows 2 d"] = self._vectors[self._uses]
        self._shown_pairs = self._best.clone()
        self._optimiser = VectorAdamW(self.recipe, len(values), self.model.d_model, device)
        self._groups = _connected(uses)
        occurring = {e for e, _ in uses} | {
            m
            for row, (_, m) in zip(self.rows, uses, strict=True)
            if holds_m(self.arrangement, len(row.target_ids)).any()
        }
        resting = {pair["em".index(name)] for pair in uses for name in frozen}
        for group in self._groups:
            group.vectors = [v for v in group.vectors if v in occurring - resting]

    def _restarts_of_a_text(self) -> list[list[int]]:
        """Return the groups that train one text by themselves, together with those that do too."""
        by_text: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
        for k, group in enumerate(self._groups):
            if len(group.rows) == 1:
                by_text[self.rows[group.rows[0]].target_ids].append(k)
        return [groups for groups in by_text.values() if len(groups) > 1]

    def _start(self, seed: int) -> Float[Tensor, "2 d"]:
        """Return e and m as the recipe starts them (H1, or around the embeddings' mean)."""
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(2, self.model.d_model, generator=generator) * self.recipe.init_scale
        if self.recipe.init == "normal":
            return noise
        return self.model.embedding_mean.cpu() + self.model.embedding_std * noise

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

    def step(self, *, detail: bool = False) -> StepReport:
        """Measure every live row, end those that are exact, and move the others one step.

        Args:
            detail: also measure predicted ids, p(target) and rank.
        """
        started = time.perf_counter()
        live = [g for g in self._groups if g.phase not in (DONE, REST)]
        over: list[tuple[Group, str | None]] = []
        for phase in (FINISH, SEARCH):
            if groups := [g for g in live if g.phase == phase]:
                over += self._advance(groups, phase, detail=detail)
        elapsed = time.perf_counter() - started
        for group in live:
            for i in group.rows:
                self._state[i].seconds += elapsed
        for group, reason in over:
            self._end(group, reason)
        self._hold_contests()
        return self.report(detailed=detail)

    def _hold_contests(self) -> None:
        """Among restarts of one text, end those that lost and let the worse ones rest."""
        for contest in self._contests:
            groups = [self._groups[k] for k in contest]
            reasons = {self._state[g.rows[0]].reason for g in groups if g.phase == DONE}
            if None in reasons:
                for group in groups:
                    if group.phase != DONE:
                        self._end(group, "another restart is exact")
            elif any(g.phase != DONE for g in groups):
                arrange(
                    groups, {g.rows[0]: self._state[g.rows[0]].loss for g in groups}, self.recipe
                )

    def stop(self, reason: str) -> None:
        """End every live row where it is; its best vectors stay."""
        for group in self._groups:
            if group.phase != DONE:
                self._end(group, reason)

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
            confirmed_in=str(self.exact_model.dtype).removeprefix("torch."),
        )
        if group.phase == DONE:
            self._outcomes[i] = found
        return found

    def _score_alone(self, i: int) -> Score:
        e, m = self._best[i].cpu().numpy()
        return score(self.exact_model, e, m, self.rows[i].target_ids, self.arrangement)

    def _advance(
        self, groups: list[Group], phase: str, *, detail: bool
    ) -> list[tuple[Group, str | None]]:
        """Measure groups of one phase; promote or move each, or return it with why it ends."""
        model = self.model if phase == SEARCH else self.exact_model
        gradient = self._measure(model, [i for g in groups for i in g.rows], detail=detail)
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
            elif secure and all(self._score_alone(i).exact for i in group.rows):
                over.append((group, None))
            elif group.steps >= self.recipe.max_steps:
                over.append((group, f"not exact within {self.recipe.max_steps} steps"))
            else:
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

    def _end(self, group: Group, reason: str | None) -> None:
        group.phase = DONE
        for i in group.rows:
            state = self._state[i]
            state.reason = reason
            final = self.outcome(i)
            state.accuracy, state.loss = final.score.accuracy, final.score.loss
            state.reason = final.reason
            self._shown[i] = final.score

    def _measure(
        self, model: FrozenModel, rows: list[int], *, detail: bool
    ) -> Float[Tensor, "V d"]:
        """Measure rows in batches of equal length, as many at once as memory allows.

        Returns:
            The gradient of the summed loss by every vector of the table.
        """
        gradient = torch.zeros_like(self._vectors)
        by_length: defaultdict[int, list[int]] = defaultdict(list)
        for i in rows:
            by_length[len(self.rows[i].target_ids)].append(i)
        for same in by_length.values():
            at = 0
            while at < len(same):
                part = same[at : at + self._rows_at_once]
                try:
                    self._measure_batch(model, part, gradient, detail=detail)
                    at += len(part)
                except RuntimeError as error:
                    if not is_out_of_memory(error):
                        raise
                    self._shrink(len(part))
        return gradient

    def _measure_batch(
        self, model: FrozenModel, rows: list[int], gradient: Float[Tensor, "V d"], *, detail: bool
    ) -> None:
        """Measure rows of one length; add their gradients to `gradient`."""
        pair = self._vectors[self._uses[rows]]
        targets = torch.stack([self._targets[i] for i in rows])
        length = targets.shape[1]
        inputs = input_sequence(pair[:, 0], pair[:, 1], self.arrangement, length)
        measured, by_input = model.loss_and_gradient(
            inputs, targets, read_from(self.arrangement), detail=detail
        )
        at_m = torch.as_tensor(holds_m(self.arrangement, length), device=by_input.device)
        by_pair = torch.stack([by_input[:, ~at_m].sum(1), by_input[:, at_m].sum(1)], 1)
        gradient.index_add_(0, self._uses[rows].flatten(), by_pair.flatten(0, 1))
        summary = torch.stack(
            [measured.loss.mean(1), measured.correct.float().mean(1), measured.margin.amin(1)]
        )
        for i, (loss, accuracy, margin) in zip(rows, summary.T.tolist(), strict=True):
            state = self._state[i]
            state.loss, state.accuracy, state.margin = loss, accuracy, margin
        if detail:
            self._shown_pairs[rows] = pair  # those that were measured, before they move
            for i, shown in zip(rows, _scores(measured), strict=True):
                self._shown[i] = shown

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

    def checkpoint(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return tensors and plain values from which `restore` goes on as if never interrupted."""
        tensors = {name: t.cpu().numpy().copy() for name, t in self._tensors().items()}
        return tensors, {
            "rows": [asdict(s) for s in self._state],
            "groups": [asdict(g) for g in self._groups],
            "notices": list(self.notices),
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
        self._rows_at_once = min(self._rows_at_once, values.get("rows_at_once", len(self.rows)))
        self._outcomes.clear()
        for group in self._groups:
            if group.phase == DONE:
                for i in group.rows:
                    self._shown[i] = self.outcome(i).score

    def _tensors(self) -> dict[str, Tensor]:
        o = self._optimiser
        return {
            "vectors": self._vectors,
            "best": self._best,
            "mean": o.mean,
            "square": o.square,
            "count": o.count,
        }


def _connected(uses: list[list[int]]) -> list[Group]:
    """Group rows that are connected through shared vectors, in order of their first row."""
    leader = {v: v for pair in uses for v in pair}
    for a, b in uses:
        keep, drop = sorted((leader[a], leader[b]))
        if keep != drop:
            leader = {v: keep if lead == drop else lead for v, lead in leader.items()}
    groups: defaultdict[int, Group] = defaultdict(lambda: Group([], []))
    for i, pair in enumerate(uses):
        group = groups[leader[pair[0]]]
        group.rows.append(i)
        group.vectors += [v for v in pair if v not in group.vectors]
    return list(groups.values())


def _scores(measured: Measured) -> list[Score]:
    """Split a detailed measurement of several rows into one score for each."""
    assert measured.predicted is not None and measured.p is not None and measured.rank is not None
    predicted, p, rank = (t.cpu().numpy() for t in (measured.predicted, measured.p, measured.rank))
    correct = measured.correct.cpu().numpy()
    losses, margins = measured.loss.mean(1).tolist(), measured.margin.amin(1).tolist()
    return [
        Score(predicted[k], p[k], rank[k], correct[k], losses[k], margins[k])
        for k in range(len(losses))
    ]


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
