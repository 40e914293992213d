"""What long work goes on from after a kill: one file, written every few seconds."""

import contextlib
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ConfigDict

from explorer import __version__
from explorer.base.errors import CorruptFileError
from explorer.base.files import say_kept
from explorer.base.tensor_files import TensorFormat
from explorer.base.value import Value
from explorer.model.frozen import FrozenModel
from explorer.training.trainer import Trainer


class CheckpointHeader(Value):
    """The plain values of a checkpoint, infinities among them, as JSON has them in Python."""

    model_config = ConfigDict(ser_json_inf_nan="constants")

    of: str
    trainings: list[dict[str, Any]]
    values: dict[str, Any]


FORMAT: TensorFormat[CheckpointHeader] = TensorFormat(
    noun="a checkpoint", key="checkpoint", header=CheckpointHeader, layout=lambda _: {}
)
"""A checkpoint: tensors `arrays/NAME` and `TRAINING/NAME`, JSON in `checkpoint`."""


@dataclass(frozen=True)
class Saved:
    """A checkpoint that was read.

    Attributes:
        values: plain values that were saved beside the trainings.
    """

    values: dict[str, Any]
    _states: list[dict[str, Any]]
    _tensors: dict[str, np.ndarray]

    @property
    def trainings(self) -> int:
        """How many trainings it holds."""
        return len(self._states)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays that were saved beside the trainings."""
        return self._below("arrays/")

    def restore(self, k: int, engine: Trainer) -> bool:
        """Let an engine go on as the k-th training; False if that is not here or does not fit."""
        with contextlib.suppress(IndexError, KeyError, TypeError, ValueError):
            if self._states[k]["trains"] == _trains(engine):
                engine.restore(self._below(f"{k}/"), self._states[k])
                return True
        return False

    def _below(self, start: str) -> dict[str, np.ndarray]:
        return {n.removeprefix(start): t for n, t in self._tensors.items() if n.startswith(start)}


def _trains(engine: Trainer) -> str:
    """Return what identifies a training: its rows, its recipe, and which text each row is of."""
    texts = [row.text for row in engine.rows if row.text is not None]  # most say nothing of it
    return hashlib.sha256(repr([*engine.rows, engine.recipe, *texts]).encode()).hexdigest()


class Checkpoint:
    """The checkpoint of one piece of work: its trainings, and arrays and values beside them.

    What was asked, the weights, the number format, the kind of device and the explorer's version
    are written into it: one that anything else has left is not read, for its numbers would be a
    mixture.

    Attributes:
        path: the file.
    """

    def __init__(self, path: Path, model: FrozenModel, asked: object) -> None:
        """Name the file and the work.

        Args:
            path: the file.
            model: what searches.
            asked: plain values of which the work follows: a spec, a cell.
        """
        made_of = [__version__, model.fingerprint, str(model.dtype), model.device.type, asked]
        self.path = path
        self._of = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()

    def save(
        self,
        engines: Sequence[Trainer],
        arrays: Mapping[str, np.ndarray] | None = None,
        **values: Any,
    ) -> None:
        """Write where the trainings stand, and the arrays and plain values beside them.

        Raises:
            StorageError: if the disk refuses.
        """
        tensors = {f"arrays/{name}": array for name, array in (arrays or {}).items()}
        states = []
        for k, engine in enumerate(engines):
            mine, state = engine.checkpoint()
            tensors |= {f"{k}/{name}": tensor for name, tensor in mine.items()}
            states.append(state | {"trains": _trains(engine)})
        FORMAT.save(
            self.path, CheckpointHeader(of=self._of, trainings=states, values=values), tensors
        )
        say_kept()

    def read(self) -> Saved | None:
        """Return the checkpoint, or None if there is none, it is damaged, or of other work."""
        with contextlib.suppress(CorruptFileError):
            said, tensors = FORMAT.load(self.path, beside="")
            if said.of == self._of:
                return Saved(said.values, said.trainings, tensors)
        return None

    def discard(self) -> None:
        """Remove the file: the work is done, or was stopped for good."""
        self.path.unlink(missing_ok=True)
