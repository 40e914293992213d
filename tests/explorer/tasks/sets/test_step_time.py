"""Steps of two sizes are timed as they take on an idle machine, and not for long on a slow one."""

import types
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from explorer.model.frozen import fast_dtype
from explorer.runtime import step_times
from explorer.runtime.step_times import StepTime
from explorer.tasks import step_time
from tests.explorer.tasks.sets.conftest import QUICK

if TYPE_CHECKING:
    from explorer.model.pool import ModelPool


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Lengths of steps to come; each moves a clock on, and only steps do."""
    now: list[float] = [0.0]
    lengths: list[float] = []
    step = step_time.Trainer.step

    def take(trainer: step_time.Trainer) -> object:
        now[0] += lengths.pop(0)
        return step(trainer)

    monkeypatch.setattr(step_time.Trainer, "step", take)
    monkeypatch.setattr(step_time, "time", types.SimpleNamespace(perf_counter=lambda: now[0]))
    return lengths


def told(seconds: float) -> Generator[None, None, float]:
    """Take no step, and say that it took so long."""
    yield from ()
    return seconds


def _measured(pool: "ModelPool", folder: Path) -> StepTime:
    model = pool.get(folder, str(folder), fast_dtype(pool.device, QUICK.precision))
    return step_time.measured(model, 4, "halves", QUICK)


def test_a_busy_moment_does_not_count(
    clock: list[float], pool: "ModelPool", tiny_llama_folder: Path
) -> None:
    """One row of four tokens takes .06 s and 32 take .3: .05 s for a pass and .002 for a token."""
    token = (0.3 - 0.06) / (31 * 4)
    clock += [0.1, 0.5, 0.06, 0.07, 0.08, 0.06]  # a warm one and five
    clock += [0.1, 0.9, 0.3, 0.4, 0.35, 0.3]
    found = _measured(pool, tiny_llama_folder)
    assert found.token_seconds == pytest.approx(token)
    assert found.pass_seconds == pytest.approx(0.06 - 4 * token)
    assert found.step_seconds(32, 4) == pytest.approx(0.3)
    assert found.step_seconds(1, 4) == pytest.approx(0.06)
    assert clock == []


def test_a_slow_machine_times_one_step_of_each(
    clock: list[float], pool: "ModelPool", tiny_llama_folder: Path
) -> None:
    clock += [30.0, 20.0, 90.0, 60.0, 1.0]
    assert _measured(pool, tiny_llama_folder).step_seconds(32, 4) == pytest.approx(60.0)
    assert clock == [1.0]


def test_a_device_with_memory_of_its_own_takes_all_rows_in_one_pass(
    pool: "ModelPool", tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CPU takes 1,300 positions in a pass, and memory bounds it elsewhere."""
    monkeypatch.setattr(step_times, "POSITIONS", 8)
    monkeypatch.setattr(step_time, "rows_that_fit", lambda model, length: 100)
    taken = {"one": 0.06, "full": 1.5}

    def took(model: object, rows: int, *_: object) -> Generator[None, None, float]:
        return told(taken["one" if rows == 1 else "full"])

    monkeypatch.setattr(step_time, "_step_seconds", took)
    monkeypatch.setattr(step_time, "_generate_seconds", lambda _: told(0.01))
    model = pool.get(tiny_llama_folder, str(tiny_llama_folder), torch.float32)
    here = step_time.measured(model, 4, "halves", QUICK)
    there = step_time.measured(replace(model, device=torch.device("cuda")), 4, "halves", QUICK)
    assert (here.most_positions, there.most_positions) == (8, 400)
    assert there.token_seconds == pytest.approx((1.5 - 0.06) / (31 * 4))
    for found in (here, there):
        assert found.step_seconds(32, 4) == pytest.approx(1.5)
    assert there.step_seconds(100, 4) == pytest.approx(there.a_pass + 400 * there.token_seconds)
    assert there.step_seconds(101, 4) - there.step_seconds(100, 4) > there.a_pass


def test_memory_for_one_row_at_a_time_can_be_timed(
    pool: "ModelPool", tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each row is a pass of its own then, so what a token costs cannot be told from that."""
    monkeypatch.setattr(step_time, "rows_that_fit", lambda model, length: 1)
    monkeypatch.setattr(step_time, "_step_seconds", lambda model, rows, *_: told(0.05 * rows))
    monkeypatch.setattr(step_time, "_generate_seconds", lambda _: told(0.01))
    model = pool.get(tiny_llama_folder, str(tiny_llama_folder), torch.float32)
    found = step_time.measured(replace(model, device=torch.device("cuda")), 4, "halves", QUICK)
    for rows in (1, 32):
        assert found.step_seconds(rows, 4) == pytest.approx(0.05 * rows)


def test_noise_makes_no_token_free(
    clock: list[float], pool: "ModelPool", tiny_llama_folder: Path
) -> None:
    clock += [9.0, 9.0, 3.0, 3.0]
    found = _measured(pool, tiny_llama_folder)
    assert found.token_seconds > 0 and found.pass_seconds is not None


def test_a_token_that_is_generated_is_timed_too(pool: "ModelPool", tiny_llama_folder: Path) -> None:
    found = _measured(pool, tiny_llama_folder)
    assert found.generate_seconds is not None and 0 < found.generate_seconds < 5


def test_a_pace_of_before_is_read_and_its_pieces_are_usual_ones(own_cache: Path) -> None:
    kept = step_times.keep(StepTime(model="m", precision="auto", token_seconds=0.002))
    kept.write_text('{"model": "m", "precision": "auto", "token_seconds": 0.002}')
    found = step_times.find("m", "auto")
    assert found is not None and found.pass_seconds is None
    assert found.most_positions == step_times.POSITIONS
    assert found.a_pass == pytest.approx(0.08) and found.a_generated_token == pytest.approx(0.05)


def test_a_step_in_float32_is_timed_where_the_search_is_in_bfloat16(
    clock: list[float], pool: "ModelPool", tiny_llama_folder: Path
) -> None:
    model = pool.get(tiny_llama_folder, str(tiny_llama_folder), torch.bfloat16)
    same = replace(model, stored_in_bfloat16=True)  # as those that ship: no second copy of weights
    clock += [0.1, *[0.06] * 5, 0.1, *[0.3] * 5, 0.1, *[0.15] * 5]
    found = step_time.measured(same, 4, "halves", QUICK)
    assert found.exact_factor == pytest.approx(0.15 / 0.06)
    assert found.exact_step(4) == pytest.approx(0.15)
    assert clock == []


def test_a_recipe_of_few_steps_is_timed_by_steps_that_do_something(
    pool: "ModelPool", tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: list[bool] = []
    step = step_time.Trainer.step

    def noted(trainer: step_time.Trainer) -> object:
        alive.append(not trainer.finished)
        return step(trainer)

    monkeypatch.setattr(step_time.Trainer, "step", noted)
    model = pool.get(tiny_llama_folder, "tiny", torch.float32)
    step_time.measured(model, 4, "halves", QUICK.model_copy(update={"max_steps": 2, "lr": 1e-6}))
    assert len(alive) > 4 and all(alive)
