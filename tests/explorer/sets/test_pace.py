"""A step is timed as it takes on an idle machine, and not for long on a slow one."""

import types
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from explorer.models import fast_dtype
from explorer.sets import pace
from tests.explorer.sets.conftest import QUICK

if TYPE_CHECKING:
    from explorer.pool import ModelPool


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Lengths of steps to come; each moves a clock on, and only steps do."""
    now, lengths = [0.0], [0.1]  # the first is the warm one
    step = pace.Trainer.step

    def take(trainer: pace.Trainer) -> object:
        now[0] += lengths.pop(0)
        return step(trainer)

    monkeypatch.setattr(pace.Trainer, "step", take)
    monkeypatch.setattr(pace, "time", types.SimpleNamespace(perf_counter=lambda: now[0]))
    return lengths


def _seconds(pool: "ModelPool", folder: Path) -> float:
    model = pool.get(folder, str(folder), fast_dtype(pool.device, QUICK.precision))
    return pace.token_seconds(model, 4, "halves", QUICK) * pace.ROWS * 4


def test_a_busy_moment_does_not_count(
    clock: list[float], pool: "ModelPool", tiny_llama_folder: Path
) -> None:
    clock += [0.9, 0.2, 0.3, 0.25, 0.3, 0.1]
    assert _seconds(pool, tiny_llama_folder) == pytest.approx(0.2)
    assert clock == [0.1], "five steps and the warm one"


def test_a_slow_machine_times_one_step(
    clock: list[float], pool: "ModelPool", tiny_llama_folder: Path
) -> None:
    clock += [30.0, 20.0]
    assert _seconds(pool, tiny_llama_folder) == pytest.approx(30.0)
    assert clock == [20.0]
