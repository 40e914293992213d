"""Rows of a set in training: new ones join when others have ended, so that batches stay full."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, RootModel

from explorer.base.tensor_files import TensorFormat
from explorer.base.value import Value
from explorer.model.frozen import FrozenModel
from explorer.specs.arrangements import ArrangementKey
from explorer.specs.recipes import Recipe
from explorer.training import Row, Trainer
from explorer.training.checkpoint import Checkpoint, Saved

ROWS = 32
"""Rows trained side by side; a CPU gains little from more."""
JOINING = 8
"""Rows that have to end before others join: smaller batches cost more for each row."""

BATCHES = "crews"
"""Under which name a checkpoint has its batches: the name of before, so that old ones are read."""

Slot = tuple[int, int, int]


class Attempt(Value):
    """One row to train: which solution of the set it is for, and where it starts."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    slot: Slot = Field(description="Context, continuation, restart.")
    attempt: int = Field(description="How many seeds were tried before.")
    seed: int = Field(description="Decides where e (and a free m) start.")
    target_ids: tuple[int, ...] = Field(description="N token ids.")
    steps: int = Field(0, description="Steps that `e` was trained before.")
    seconds: float = Field(0.0, description="Their compute time.")
    e: np.ndarray | None = Field(
        None, exclude=True, description="float32 (d_model,), to go on from; None: a fresh start."
    )


class Learned(RootModel[tuple[Attempt, ...]]):
    """The rows that a shared m was learned with."""


LEARNED: TensorFormat[Learned] = TensorFormat(
    noun="a learned m",
    key="tasks",
    header=Learned,
    layout=lambda learned: {"m": ("f4", ("d",)), "e": ("f4", (len(learned.root), "d"))},
)
"""A shared m and the e of its rows, JSON in `tasks`."""


@dataclass
class TrainingBatch:
    """Some rows in one trainer.

    Attributes:
        rows: what its rows are, in order.
        trainer: the engine.
        joint: whether they learn a shared m together.
        over: rows whose outcome is kept.
    """

    rows: list[Attempt]
    trainer: Trainer
    joint: bool = False
    over: set[int] = field(default_factory=set)

    @property
    def live(self) -> int:
        """How many rows are still in training."""
        return len(self.rows) - len(self.over)

    @property
    def live_slots(self) -> set[Slot]:
        """What they are trained for."""
        return {row.slot for i, row in enumerate(self.rows) if i not in self.over}


@dataclass(frozen=True)
class BatchMaker:
    """Makes batches of one set: the same model, arrangement and recipe for all.

    Attributes:
        model: runs the search.
        exact_model: the same weights in float32; None: `model` is final.
        arrangement: of the set.
        recipe: of the set.
    """

    model: FrozenModel
    exact_model: Callable[[], FrozenModel] | None
    arrangement: ArrangementKey
    recipe: Recipe

    def joint(self, rows: Sequence[Attempt]) -> TrainingBatch:
        """Return rows that share one m and train it jointly (the paper's default)."""
        return TrainingBatch(list(rows), self._trainer(rows, m_key="shared"), joint=True)

    def alone(self, rows: Sequence[Attempt], m: NDArray[np.float32] | None) -> TrainingBatch:
        """Return rows that are independent: with an m of their own, or all with `m` frozen."""
        if m is None:
            return TrainingBatch(list(rows), self._trainer(rows))
        fresh = self._trainer(rows)  # only to say where each e starts
        starts = {
            i: (fresh.vectors_of(i)[0] if row.e is None else row.e, m) for i, row in enumerate(rows)
        }
        return TrainingBatch(list(rows), self._trainer(rows, starts=starts, frozen=("m",)))

    def together(
        self,
        batches: Sequence[TrainingBatch],
        rows: Sequence[Attempt],
        m: NDArray[np.float32] | None,
    ) -> TrainingBatch:
        """Return one batch of the live rows of others, which go on as they are, and new rows.

        One large batch costs less than many small ones.
        """
        live = [
            (batch, i) for batch in batches for i in range(len(batch.rows)) if i not in batch.over
        ]
        made = self.alone([*(batch.rows[i] for batch, i in live), *rows], m)
        for at, (batch, i) in enumerate(live):
            made.trainer.adopt(at, batch.trainer, i)
        return made

    def _trainer(
        self,
        rows: Sequence[Attempt],
        *,
        m_key: str | None = None,
        starts: dict[int, tuple[np.ndarray, np.ndarray]] | None = None,
        frozen: Sequence[Literal["e", "m"]] = (),
    ) -> Trainer:
        trained = [Row(row.target_ids, row.seed, m_key=m_key) for row in rows]
        return Trainer(
            self.model,
            trained,
            self.arrangement,
            self.recipe,
            exact_model=self.exact_model,
            starts=starts,
            frozen=frozen,
        )

    def restore(self, saved: Saved | None, m: NDArray[np.float32] | None) -> list[TrainingBatch]:
        """Return the batches of a checkpoint; none if there is none, or it does not fit."""
        batches = []
        for k, values in enumerate(saved.values[BATCHES] if saved else []):
            rows = [Attempt.model_validate(each) for each in values["tasks"]]
            batch = self.joint(rows) if values["joint"] else self.alone(rows, m)
            if saved is None or not saved.restore(k, batch.trainer):
                return []
            batch.over = set(values["over"])
            batches.append(batch)
        return batches


def checkpoint(kept: Checkpoint, batches: Sequence[TrainingBatch], **values: Any) -> None:
    """Write everything that `BatchMaker.restore` needs to go on with these batches, and the values.

    Raises:
        StorageError: if the disk refuses.
    """
    said = [
        {
            "tasks": [row.model_dump() for row in batch.rows],
            "joint": batch.joint,
            "over": sorted(batch.over),
        }
        for batch in batches
    ]
    kept.save([batch.trainer for batch in batches], None, **{BATCHES: said}, **values)


def save_learned(path: Path, m: NDArray[np.float32], rows: Iterable[Attempt]) -> None:
    """Write a learned m and the rows that were trained with it.

    Raises:
        StorageError: if the disk refuses.
    """
    known = tuple(row for row in rows if row.e is not None)
    e = np.stack([row.e for row in known if row.e is not None])
    LEARNED.save(path, Learned(known), {"m": m, "e": e})


def read_learned(path: Path) -> tuple[NDArray[np.float32], dict[Slot, Attempt]]:
    """Return what `save_learned` wrote: m, and the rows to go on from by slot.

    Raises:
        CorruptFileError: if it is missing or damaged.
    """
    learned, tensors = LEARNED.load(path)
    both = zip(learned.root, tensors["e"], strict=True)
    return tensors["m"], {row.slot: row.model_copy(update={"e": e}) for row, e in both}
