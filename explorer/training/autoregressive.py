"""The autoregressive baseline: K trained vectors before the text (Kuratov et al. 2025, E4).

Training is teacher-forced: the model reads the vectors and the true tokens, and every token is to
be the likeliest after those before it. What counts is what it then generates from the vectors
alone. All else is as for one forward pass, so that both can be compared: the same engine,
optimiser, recipe, number formats and end.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from explorer.base.errors import BadInputError
from explorer.model.frozen import FrozenModel
from explorer.model.greedy import MemoryScore, memory_inputs, score_memory
from explorer.model.head import TokenStatistics
from explorer.solutions.solution import BEATEN, Memory, MemoryRecord
from explorer.specs.recipes import Recipe
from explorer.training.described import described
from explorer.training.engine import Engine, require_some
from explorer.training.rows import DONE, Group, Row
from explorer.training.starts import start

MOST_VECTORS = 64


@dataclass(frozen=True)
class MemoryOutcome:
    """The end of one row: its best memory vectors and their float32 score.

    Attributes:
        row: what was trained.
        mem: float32 (K, d_model).
        score: of exactly these vectors, alone in a batch, in `confirmed_in`: teacher-forced
            correctness of every position, and the text that is generated greedily.
        steps: optimiser steps from the row's start to its end.
        seconds: compute time of the steps this row took part in.
        reason: why it ended, None when exact.
        confirmed_in: number format of the score.
    """

    row: Row
    mem: NDArray[np.float32]
    score: MemoryScore
    steps: int
    seconds: float
    reason: str | None
    confirmed_in: str


@dataclass(frozen=True)
class Standing:
    """Every row after a step; a row that is over has the values of its outcome.

    Attributes:
        steps: int64 (rows,), optimiser steps since each row's own start.
        loss: float32 (rows,), teacher-forced, mean over positions, nats; NaN before the first step.
        accuracy: float32 (rows,), teacher-forced; of a row that is over, that of what it generates.
        phase: the phase of each row.
        reason: why a row ended without being exact, else None.
    """

    steps: NDArray[np.int64]
    loss: NDArray[np.float32]
    accuracy: NDArray[np.float32]
    phase: tuple[str, ...]
    reason: tuple[str | None, ...]


class MemoryTrainer(Engine):
    """Trains K memory vectors for each row until it is exact in float32 or out of steps."""

    def __init__(
        self,
        model: FrozenModel,
        rows: Sequence[Row],
        tokens_of_memory: int,
        recipe: Recipe,
        *,
        sink: int | None = None,
        exact_model: Callable[[], FrozenModel] | None = None,
        until: Literal["first", "all"] = "all",
    ) -> None:
        """Prepare the memory vectors of every row.

        Args:
            model: runs the search.
            rows: what to train; seeds decide where each starts. Nothing is shared between rows.
            tokens_of_memory: K, vectors before the text.
            recipe: how to train.
            sink: id of a token that stands before the vectors; None: they come first.
            exact_model: gives the same weights in float32 when first needed; None: `model` is
                final, and scores are labelled with its number format.
            until: "first" ends the other restarts of a text once one is exact; none of them rests
                before that.

        Raises:
            BadInputError: if there are no rows, K is not between 1 and 64, or a target with its
                vectors is longer than the model's positions.
        """
        if not 1 <= tokens_of_memory <= MOST_VECTORS:
            raise BadInputError(
                f"{tokens_of_memory} memory vectors cannot be trained; choose 1 to {MOST_VECTORS}."
            )
        require_some(rows)
        self.tokens_of_memory = K = tokens_of_memory
        self.sink = sink
        count = len(rows)
        table = [start(model, recipe, row.seed, K) for row in rows]
        super().__init__(
            model,
            rows,
            recipe,
            longest=max(K - 1 + len(row.target_ids) for row in rows) + (sink is not None),
            vectors=torch.cat(table).float(),
            uses=torch.arange(count * K).view(count, K),
            groups=[Group([i], list(range(i * K, (i + 1) * K))) for i in range(count)],
            exact_model=exact_model,
        )
        self._until = until

    def step(self) -> None:
        """Measure every live row, end those that are exact, and move the others one step."""
        self._step()
        if self._until == "first":
            self._end_the_other_restarts()

    def _end_the_other_restarts(self) -> None:
        by_text: defaultdict[tuple[int, ...], list[Group]] = defaultdict(list)
        for group in self._groups:
            by_text[self.rows[group.rows[0]].target_ids].append(group)
        for groups in by_text.values():
            if any(g.phase == DONE and self._state[g.rows[0]].reason is None for g in groups):
                for group in groups:
                    if group.phase != DONE:
                        self._end(group, BEATEN)

    @torch.no_grad()
    def _loss_and_gradient(
        self, model: FrozenModel, rows: list[int], targets: Int[Tensor, "n N"]
    ) -> tuple[TokenStatistics, Float[Tensor, "n K d"]]:
        mem = self._vectors[self._uses[rows]]
        inputs, first = memory_inputs(model, mem, targets, self.sink)
        measured, by_input = model.loss_and_gradient(inputs, targets, first)
        return measured, by_input[:, first + 1 - self.tokens_of_memory : first + 1]

    def _margin_alone(self, i: int) -> float:
        return self._score(i).forced.margin

    def _score(self, i: int) -> MemoryScore:
        ids = self.rows[i].target_ids
        return self._of_best(i, lambda mem: score_memory(self.exact_model, mem, ids, self.sink))

    def _end(self, group: Group, reason: str | None) -> None:
        super()._end(group, reason)
        for i in group.rows:
            state, found = self._state[i], self._score(i)
            state.accuracy, state.loss = found.accuracy, found.forced.loss
            state.reason = None if found.exact else reason

    def standing(self) -> Standing:
        """Return every row as it stands."""
        return Standing(
            steps=np.array([g.steps for g in self._groups]),
            loss=np.array([s.loss for s in self._state], dtype=np.float32),
            accuracy=np.array([s.accuracy for s in self._state], dtype=np.float32),
            phase=tuple(g.phase for g in self._groups),
            reason=tuple(s.reason for s in self._state),
        )

    def vectors_of(self, i: int) -> Float[np.ndarray, "K d"]:
        """Return row i's memory vectors as they stand now (once it is over: as they are kept)."""
        over = self._groups[i].phase == DONE
        mem = self._best[i] if over else self._vectors[self._uses[i]]
        return mem.cpu().numpy().copy()

    def outcome(self, i: int) -> MemoryOutcome:
        """Return row i's best vectors with their score, measured alone in a batch."""
        found, state = self._score(i), self._state[i]
        return MemoryOutcome(
            row=self.rows[i],
            mem=self._best[i].cpu().numpy().copy(),
            score=found,
            steps=self._groups[i].steps,
            seconds=state.seconds,
            reason=None if found.exact else (state.reason or "still training"),
            confirmed_in=self.exact_model.number_format,
        )


def memory_of(
    found: MemoryOutcome,
    model: FrozenModel,
    recipe: Recipe,
    nats: tuple[float, int],
    run_id: str,
    *,
    sink: int | None = None,
    title: str = "",
    source: str = "own",
    job: str | None = None,
) -> Memory:
    """Return a row's outcome as what is stored.

    Args:
        found: its vectors and their score.
        model: what searched.
        recipe: how it was trained.
        nats: H_LM of the target and the number of its terms (Q2).
        run_id: the run's own id.
        sink: id of the token that stood before them, None if they came first.
        title: where the text comes from, in words.
        source: key of the text's source.
        job: id of the job, None from a shell.
    """
    K, score = len(found.mem), found.score
    fields = described(
        found,
        model,
        recipe,
        nats,
        run_id,
        made_with=f"[mem]×{K}" if sink is None else f"[{sink}][mem]×{K}",
        loss=score.forced.loss,
        title=title,
        source=source,
        job=job,
    )
    record = MemoryRecord(
        **fields,
        tokens_of_memory=K,
        layout="mem" if sink is None else "bos+mem",
        sink=sink,
        accuracy=score.accuracy,
        exact=score.exact,
        c_tokens=int(score.right.sum()),
    )
    return Memory(found.mem, np.array(found.row.target_ids, dtype=np.int64), record)
