"""What goes into training and what comes out of it."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from explorer.model.metrics import Score

SEARCH, FINISH, DONE, REST = "search", "finish", "done", "rest"
"""Phases of a row: in the fast number format, in float32, over, waiting behind better ones."""


@dataclass(frozen=True)
class Row:
    """One (text, restart): what a few vectors are trained to say.

    Attributes:
        target_ids: N token ids.
        seed: decides where e and m start.
        e_key: rows with the same key share one e; None: an e of its own.
        m_key: rows with the same key share one m; None: an m of its own.
        text: rows with the same number are restarts of one text; None: those of the same target.
    """

    target_ids: tuple[int, ...]
    seed: int
    e_key: str | None = None
    m_key: str | None = None
    text: int | None = field(default=None, repr=False)


@dataclass
class RowState:
    """The last measurement of one row, and the compute time of the steps it took part in."""

    loss: float = float("nan")
    accuracy: float = 0.0
    margin: float = float("-inf")
    seconds: float = 0.0
    reason: str | None = None


@dataclass
class Group:
    """Rows that share a vector, and so move, rest and end together; most often just one row.

    Attributes:
        rows: indices of the rows.
        vectors: indices of their vectors in the table, each once.
        phase: search, finish, done or rest.
        steps: optimiser updates since the group's start.
        best: how good its remembered vectors are: (accuracy, confirmed phase, -loss).
    """

    rows: list[int]
    vectors: list[int]
    phase: str = SEARCH
    steps: int = 0
    best: tuple[float, bool, float] = (-1.0, False, float("-inf"))


@dataclass(frozen=True)
class StepReport:
    """Every row after one step of the trainer; a row that is over has the values of its outcome.

    Attributes:
        steps: int64 (rows,), optimiser steps since each row's own start.
        loss: float32 (rows,), mean over positions, nats; NaN before the first measurement.
        accuracy: float32 (rows,), token accuracy in the number format of the row's phase; of
            memory vectors teacher-forced, and once over, of what they generate.
        phase: the phase of each row.
        reason: why a row ended without being exact, else None.
        detailed: whether `predicted`, `p` and `rank` are of this very step.
        predicted: per row int64 (N,).
        p: per row float32 (N,), probability of the target.
        rank: per row int64 (N,).
    """

    steps: NDArray[np.int64]
    loss: NDArray[np.float32]
    accuracy: NDArray[np.float32]
    phase: tuple[str, ...]
    reason: tuple[str | None, ...]
    detailed: bool
    predicted: list[NDArray[np.int64]]
    p: list[NDArray[np.float32]]
    rank: list[NDArray[np.int64]]

    @property
    def best(self) -> int:
        """Index of the row that has come furthest: accuracy first, then loss."""
        order = np.lexsort((np.nan_to_num(self.loss, nan=np.inf), -self.accuracy))
        return int(order[0])


@dataclass(frozen=True)
class Outcome:
    """The end of one row: its best vectors and their float32 score.

    Attributes:
        row: what was trained.
        vectors: float32 (W, d_model): e and m, or memory vectors.
        score: of exactly these vectors, in `confirmed_in`.
        steps: optimiser steps from the row's start to its end.
        seconds: compute time of the steps this row took part in.
        reason: why it ended, None when exact.
        confirmed_in: number format of the score.
    """

    row: Row
    vectors: NDArray[np.float32]
    score: Score
    steps: int
    seconds: float
    reason: str | None
    confirmed_in: str

    @property
    def e(self) -> NDArray[np.float32]:
        """The first vector, float32 (d_model,)."""
        first: NDArray[np.float32] = self.vectors[0]
        return first

    @property
    def m(self) -> NDArray[np.float32]:
        """The second, float32 (d_model,)."""
        second: NDArray[np.float32] = self.vectors[1]
        return second
