"""What a set goes on from, in the bytes of before the files had one mechanism."""

import json
import math
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from explorer.tasks.sets.batches import Attempt, read_learned, save_learned
from explorer.training.checkpoint import FORMAT

ROW = Attempt(
    slot=(0, 1, 2),
    attempt=3,
    seed=7,
    target_ids=(5, 3, 8),
    e=np.ones(4, np.float32),
    steps=9,
    seconds=0.25,
)


def test_a_learned_m_of_old_opens(tmp_path: Path) -> None:
    said = {
        "slot": [0, 1, 2],
        "attempt": 3,
        "seed": 7,
        "target_ids": [5, 3, 8],
        "steps": 9,
        "seconds": 0.25,
    }
    tensors = {"m": np.arange(4, dtype=np.float32), "e": np.ones((1, 4), np.float32)}
    path = tmp_path / "m.safetensors"
    path.write_bytes(save(tensors, {"tasks": json.dumps([said])}))
    old = read_learned(path)
    save_learned(
        path, tensors["m"], [ROW, Attempt(slot=(0, 0, 0), attempt=0, seed=1, target_ids=(5,))]
    )
    for m, rows in (old, read_learned(path)):
        np.testing.assert_array_equal(m, tensors["m"])
        (found,) = rows.values()
        assert found.e is not None and found.e.tolist() == [1] * 4
        assert found.model_dump() == ROW.model_dump() and "e" not in found.model_dump()


def test_a_checkpoint_of_old_opens(tmp_path: Path) -> None:
    said = {
        "of": "a" * 64,
        "trainings": [{"trains": "b", "best": math.inf, "random": 2**64 - 1}],
        "values": {"most": [0.5, 3], "loss": math.nan},
    }
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(save({"0/e": np.ones((2, 4))}, {"checkpoint": json.dumps(said)}))
    header, tensors = FORMAT.load(path, beside="")
    np.testing.assert_equal(header.model_dump(), said)
    FORMAT.save(path, header, tensors)
    again, _ = FORMAT.load(path, beside="")
    np.testing.assert_equal(again.model_dump(), said)
