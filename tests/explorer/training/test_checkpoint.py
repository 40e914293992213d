"""The file that work goes on from: when it is written, and whose it is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from explorer.base import tensor_files
from explorer.model.frozen import FrozenModel
from explorer.training import Row, Trainer, checkpoint
from explorer.training.checkpoint import Checkpoint
from tests.explorer.training.cases import EASY, HARD, quick

ROWS = [Row(EASY, 2), Row(HARD, 0)]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    return now


def test_one_is_due_at_once_and_then_every_three_seconds(
    clock: list[float], llama: FrozenModel, tmp_path: Path
) -> None:
    kept = Checkpoint(tmp_path / "c", llama, "work")
    assert kept.due
    kept.save([])
    for later, due in ((0.0, False), (2.9, False), (3.0, True)):
        clock[0] = 100.0 + later
        assert kept.due is due


def test_writing_takes_a_tenth_of_the_time_at_most(
    clock: list[float], llama: FrozenModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Checkpoint(tmp_path / "c", llama, "work")
    monkeypatch.setattr(tensor_files, "write_atomically", lambda *_: clock.__setitem__(0, 102.0))
    kept.save([])
    for later, due in ((19.0, False), (21.0, True)):
        clock[0] = 102.0 + later
        assert kept.due is due


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
    for rows, recipe in ((ROWS[::-1], quick()), (ROWS, quick(lr=0.4)), (ROWS[:1], quick())):
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
