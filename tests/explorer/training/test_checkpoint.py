"""The file that work goes on from: whose it is, and what it holds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from explorer.model.frozen import FrozenModel
from explorer.training import Row, Trainer
from explorer.training.checkpoint import Checkpoint
from tests.explorer.training.cases import EASY, HARD, quick

ROWS = [Row(EASY, 2), Row(HARD, 0)]


def test_only_the_same_work_goes_on_from_it(llama: FrozenModel, tmp_path: Path) -> None:
    file, work = tmp_path / "c", {"n": 3, "seed": 1}
    first = Trainer(llama, ROWS, "halves", quick())
    first.step()
    Checkpoint(file, llama, work).save([first], {"grid": np.arange(3)}, note="so far")
    saved = Checkpoint(file, llama, dict(reversed(work.items()))).read()
    assert saved is not None and saved.values == {"note": "so far"} and saved.trainings == 1
    np.testing.assert_array_equal(saved.arrays["grid"], np.arange(3))
    for other, asked in (
        (llama, work | {"seed": 2}),
        (replace(llama, fingerprint="0" * 64), work),
        (replace(llama, dtype=torch.bfloat16), work),  # half of it would be of another format
    ):
        assert Checkpoint(file, other, asked).read() is None
    raced = [replace(row, text=k) for k, row in enumerate(ROWS)]  # who rests is another matter
    for rows, recipe in (
        (ROWS[::-1], quick()),
        (ROWS, quick(lr=0.4)),
        (ROWS[:1], quick()),
        (raced, quick()),
    ):
        trainer = Trainer(llama, rows, "halves", recipe)
        before = trainer.vectors_of(0).copy()
        assert not saved.restore(0, trainer)
        np.testing.assert_array_equal(trainer.vectors_of(0), before)
    same = Trainer(llama, ROWS, "halves", quick())
    assert not saved.restore(1, same) and saved.restore(0, same)
    np.testing.assert_array_equal(same.vectors_of(1), first.vectors_of(1))


def test_what_is_damaged_or_gone_is_none(llama: FrozenModel, tmp_path: Path) -> None:
    kept = Checkpoint(tmp_path / "c", llama, "work")
    assert kept.read() is None
    kept.save([], note=1)
    kept.path.write_bytes(kept.path.read_bytes()[:-3])
    assert kept.read() is None
    kept.discard()
    kept.discard()
    assert not kept.path.exists()
