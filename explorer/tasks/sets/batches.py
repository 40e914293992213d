"""Rows of a set in training: new ones join when others have ended, so that batches stay full."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import RootModel

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


@dataclass(frozen=True)
class Task:
    """One row to train: which solution of the set it is for, and where it starts.

    Attributes:
        slot: context, continuation, restart.
        attempt: how many seeds were tried before.
        seed: decides where e (and a free m) start.
        target_ids: N token ids.
        e: float32 (d_model,), to go on from; None: a fresh start.
        steps: steps that `e` was trained before.
        seconds: their compute time.
    """

    slot: Slot
    attempt: int
    seed: int
    target_ids: tuple[int, ...]
    e: NDArray[np.float32] | None = None
    steps: int = 0
    seconds: float = 0.0


class TaskRecord(Value):
    """What a file says of a task; its e is a tensor."""

    slot: Slot
    attempt: int
    seed: int
    target_ids: tuple[int, ...]
    steps: int = 0
    seconds: float = 0.0

    def task(self, e: NDArray[np.float32] | None = None) -> Task:
        """Return the task."""
        return Task(**dict(self), e=e)


class Learned(RootModel[tuple[TaskRecord, ...]]):
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
        tasks: what its rows are, in order.
        trainer: the engine.
        joint: whether they learn a shared m together.
        over: rows whose outcome is kept.
    """

    tasks: list[Task]
    trainer: Trainer
    joint: bool = False
    over: set[int] = field(default_factory=set)

    @property
    def live(self) -> int:
        """How many rows are still in training."""
        return len(self.tasks) - len(self.over)

    @property
    def live_slots(self) -> set[Slot]:
        """What they are trained for."""
        return {task.slot for i, task in enumerate(self.tasks) if i not in self.over}


@dataclass(frozen=True)
class Foreman:
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

    def joint(self, tasks: Sequence[Task]) -> TrainingBatch:
        """Return rows that share one m and train it jointly (the paper's default)."""
        return TrainingBatch(list(tasks), self._trainer(tasks, m_key="shared"), joint=True)

    def alone(self, tasks: Sequence[Task], m: NDArray[np.float32] | None) -> TrainingBatch:
        """Return rows that are independent: with an m of their own, or all with `m` frozen."""
        if m is None:
            return TrainingBatch(list(tasks), self._trainer(tasks))
        fresh = self._trainer(tasks)  # only to say where each e starts
        starts = {
            i: (fresh.vectors_of(i)[0] if task.e is None else task.e, m)
            for i, task in enumerate(tasks)
        }
        return TrainingBatch(list(tasks), self._trainer(tasks, starts=starts, frozen=("m",)))

    def together(
        self, batches: Sequence[TrainingBatch], tasks: Sequence[Task], m: NDArray[np.float32] | None
    ) -> TrainingBatch:
        """Return one batch of the live rows of others, which go on as they are, and new rows.

        One large batch costs less than many small ones.
        """
        live = [
            (batch, i) for batch in batches for i in range(len(batch.tasks)) if i not in batch.over
        ]
        made = self.alone([*(batch.tasks[i] for batch, i in live), *tasks], m)
        for at, (batch, i) in enumerate(live):
            made.trainer.adopt(at, batch.trainer, i)
        return made

    def _trainer(
        self,
        tasks: Sequence[Task],
        *,
        m_key: str | None = None,
        starts: dict[int, tuple[np.ndarray, np.ndarray]] | None = None,
        frozen: Sequence[Literal["e", "m"]] = (),
    ) -> Trainer:
        rows = [Row(task.target_ids, task.seed, m_key=m_key) for task in tasks]
        return Trainer(
            self.model,
            rows,
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
            tasks = [TaskRecord.model_validate(each).task() for each in values["tasks"]]
            batch = self.joint(tasks) if values["joint"] else self.alone(tasks, m)
            if saved is None or not saved.restore(k, batch.trainer):
                return []
            batch.over = set(values["over"])
            batches.append(batch)
        return batches


def checkpoint(kept: Checkpoint, batches: Sequence[TrainingBatch], **values: Any) -> None:
    """Write everything that `Foreman.restore` needs to go on with these batches, and the values.

    Raises:
        StorageError: if the disk refuses.
    """
    said = [
        {
            "tasks": [_record(task).model_dump() for task in batch.tasks],
            "joint": batch.joint,
            "over": sorted(batch.over),
        }
        for batch in batches
    ]
    kept.save([batch.trainer for batch in batches], None, **{BATCHES: said}, **values)


def save_learned(path: Path, m: NDArray[np.float32], tasks: Iterable[Task]) -> None:
    """Write a learned m and the rows that were trained with it.

    Raises:
        StorageError: if the disk refuses.
    """
    known = [task for task in tasks if task.e is not None]
    e = np.stack([task.e for task in known if task.e is not None])
    LEARNED.save(path, Learned(tuple(_record(task) for task in known)), {"m": m, "e": e})


def read_learned(path: Path) -> tuple[NDArray[np.float32], dict[Slot, Task]]:
    """Return what `save_learned` wrote: m, and the rows to go on from by slot.

    Raises:
        CorruptFileError: if it is missing or damaged.
    """
    learned, tensors = LEARNED.load(path)
    tasks = [said.task(e) for said, e in zip(learned.root, tensors["e"], strict=True)]
    return tensors["m"], {task.slot: task for task in tasks}


def _record(task: Task) -> TaskRecord:
    names = TaskRecord.model_fields
    return TaskRecord(**{name: getattr(task, name) for name in names})
