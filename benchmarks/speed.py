"""Time and memory of one training step: the engine, the reference, and plain matrix products."""

import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from benchmarks import benchmark_texts
from benchmarks.reference import Reference
from explorer.model.frozen import FrozenModel, best_device, fast_dtype
from explorer.model.graphs import AFTER, Graphs
from explorer.model.head import CHUNK
from explorer.model.loading import load
from explorer.specs.recipes import INDEPENDENT
from explorer.training import Row, Trainer
from explorer.training.memory import bytes_of_a_position

LENGTH, SHORT = 64, 8
"""N of what is compared, and of the short form."""


def embedded(dtype: torch.dtype | None = None) -> FrozenModel:
    """Return the embedded model in the format of the search."""
    (card, folder), device = benchmark_texts.embedded(), best_device()
    return load(folder, card.name, dtype=dtype or fast_dtype(device), device=device)


def linears_in_use(model: FrozenModel) -> tuple[list[torch.nn.Linear], torch.nn.Linear]:
    """Return the matrices that every input position is multiplied by, and the output matrix."""
    head = model.network.get_output_embeddings()
    found = [m for m in model.network.modules() if isinstance(m, torch.nn.Linear)]
    return [linear for linear in found if linear is not head], head


def trainer(model: FrozenModel, rows: int, length: int) -> Trainer:
    """Return a trainer with random targets, which never become exact in a few steps."""
    numbers = torch.Generator().manual_seed(0)
    vocabulary = model.network.config.vocab_size
    targets = torch.randint(0, vocabulary, (rows, length), generator=numbers).tolist()
    return Trainer(
        model, [Row(tuple(t), seed) for seed, t in enumerate(targets)], "e+mN", INDEPENDENT
    )


def seconds(work: Callable[[], Any], device: torch.device) -> float:
    """Time one call."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def products(model: FrozenModel, rows: int, length: int) -> tuple[Callable[[], None], int]:
    """Return the plain matrix products of a training step under A4, and their FLOPs.

    Forward and back to the inputs, four operations a weight: the body's at every input position,
    e's included, the output matrix's where targets are predicted, as many at a time as the engine.
    """
    body, head = linears_in_use(model)
    sizes = [rows * (length + 1)] * len(body) + [min(CHUNK, rows * length)]
    repeats = [1] * len(body) + [max(1, rows * length // CHUNK)]
    weights = [linear.weight for linear in [*body, head]]
    inputs = {
        (size, width): torch.randn(size, width, dtype=model.dtype, device=model.device)
        for size, weight in zip(sizes, weights, strict=True)
        for width in weight.shape
    }

    @torch.no_grad()
    def run() -> None:
        for size, weight, times in zip(sizes, weights, repeats, strict=True):
            out, into = weight.shape
            for _ in range(times):
                _ = inputs[size, into] @ weight.T
                _ = inputs[size, out] @ weight

    flops = sum(
        4 * weight.numel() * size * times
        for size, weight, times in zip(sizes, weights, repeats, strict=True)
    )
    return run, flops


def throughput(
    model: FrozenModel, reference: Reference, rounds: int, length: int = LENGTH
) -> dict[str, float]:
    """Compare 8 rows of `length` with the reference, turn by turn; medians."""
    engine = trainer(model, 8, length)
    target = tuple(range(1000, 1000 + length))
    engine.step()
    reference.step_seconds(target, 2)
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(seconds(engine.step, model.device))
        theirs += reference.step_seconds(target, 2)[1:]
    mine, plain = statistics.median(ours), statistics.median(theirs)
    return {
        "engine_tokens_per_second": 8 * length / mine,
        "reference_tokens_per_second": length / plain,
        "row_throughput_ratio": 8 * plain / mine,
    }


def gemm_fraction(model: FrozenModel, rounds: int, length: int = LENGTH) -> dict[str, float]:
    """Compare 16 rows of `length` with plain products of their format, turn by turn; medians."""
    engine, (plain, work) = trainer(model, 16, length), products(model, 16, length)
    square = torch.randn(2048, 2048, dtype=model.dtype, device=model.device)
    times: list[tuple[float, float, float]] = []
    for _ in range(rounds + 1):
        times.append(
            (
                seconds(engine.step, model.device),
                seconds(plain, model.device),
                seconds(lambda: square @ square, model.device),
            )
        )
    step, own, large = (statistics.median(column) for column in zip(*times[1:], strict=True))
    large_rate = 2 * 2048**3 / large
    return {
        "engine_gflops": work / step / 1e9,
        "own_products_gflops": work / own / 1e9,
        "large_product_gflops": large_rate / 1e9,
        "gemm_fraction": own / step,
        "large_fraction": work / step / large_rate,
    }


def switches(model: FrozenModel, rounds: int) -> dict[str, float]:
    """Compare steps of 4 rows × N = 24 with and without each switch, turn by turn; medians.

    Empty where there is no GPU. Above 1 a switch pays: captured graphs (`explorer.model.graphs`),
    fused attention (`explorer.model.attention`), both.
    """
    if model.device.type != "cuda":
        return {}
    fused = replace(model, body=model.body and replace(model.body, fused=True))
    captured = {"graphs_ratio": model, "graphs_and_fused_ratio": fused}
    asked = {name: replace(each, graphs=Graphs()) for name, each in captured.items()}
    engines = {
        name: trainer(each, 4, 24)
        for name, each in {"": model, "fused_ratio": fused, **asked}.items()
    }
    times = [
        {name: seconds(each.step, model.device) for name, each in engines.items()}
        for _ in range(rounds + AFTER + 2)
    ][AFTER + 2 :]
    return {name: statistics.median(t[""] / t[name] for t in times) for name in engines if name}


def table(model: FrozenModel, rounds: int, *, short: bool) -> list[dict[str, float]]:
    """Time a step over N at four rows, and over rows at N = 24."""
    lengths = (8, 32) if short else (8, 16, 32, 64, 128, 256, 512)
    shapes = [(4, n) for n in lengths] + [
        (r, 24) for r in ((1, 2) if short else (1, 2, 4, 8, 16, 32))
    ]
    lines = []
    for rows, length in shapes:
        engine = trainer(model, rows, length)
        engine.step()
        step = statistics.median(seconds(engine.step, model.device) for _ in range(rounds))
        lines.append({"rows": rows, "N": length, "step_seconds": step,
                      "ms_per_token": 1e3 * step / (rows * length)})  # fmt: skip
    return lines


def _peak_bytes() -> int:
    """Return the most memory this process has had; Linux starts getrusage's with the parent's."""
    status = Path("/proc/self/status")
    if status.is_file():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        if found:
            return int(found[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def plan(model: FrozenModel, *, short: bool) -> dict[str, int]:
    """Say what the benchmark will hold at one time where the model runs, bytes, by what it is.

    Args:
        model: the one that searches.
        short: whether its short form is run.
    """
    numbers = sum(weight.numel() for weight in model.network.parameters())
    positions = 16 * (SHORT + 1) if short else 4 * 513
    return {
        "the model": numbers * model.dtype.itemsize,
        "the same in float32, ours and the reference's": 2 * numbers * 4,
        f"a pass of {positions:,} positions": positions * bytes_of_a_position(model),
        f"logits of {CHUNK} positions": 2 * CHUNK * model.vocabulary * model.dtype.itemsize,
        "the reference's logits, four times": 4 * LENGTH * model.vocabulary * 4,
    }


def peak_memory(device: torch.device, length: int = LENGTH) -> dict[str, float | str]:
    """Train 8 rows of `length` in a process of its own, end in float32; return its memory."""
    call = f"s.memory_of_a_run('{device}', {length})"
    code = f"import json, benchmarks.speed as s; print(json.dumps({call}))"
    done = subprocess.run(  # noqa: S603  # this file, in a process of its own
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    found: dict[str, float | str] = json.loads(done.stdout.splitlines()[-1])
    return found


def memory_of_a_run(device: str, length: int) -> dict[str, float | str]:
    """Measure this process; see `peak_memory`.

    The model's own bytes are those of its weights in the format they are held in; the file may
    hold them in half of that, so the peak over the file is told too.
    """
    import psutil
    import transformers.models.llama.modeling_llama

    from explorer.model.pool import ModelPool

    del transformers
    card, folder = benchmark_texts.embedded()
    before = psutil.Process().memory_info().rss
    pool = ModelPool(torch.device(device))
    model = pool.searching(folder, card.name)
    run = trainer(model, 8, length)
    for _ in range(4):
        run.step()
    exact = Trainer(pool.get(folder, card.name, torch.float32), run.rows[:2], "e+mN", INDEPENDENT)
    exact.step()
    peak = _peak_bytes()
    own = sum(weight.numel() * weight.element_size() for weight in model.network.parameters())
    stored = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    return {
        "peak_format": model.number_format,
        "model_bytes": own,
        "file_bytes": stored,
        "peak_bytes": peak - before,
        "peak_rss_ratio": (peak - before) / own,
        "peak_file_ratio": (peak - before) / stored,
        "process_peak_bytes": peak,
    }
