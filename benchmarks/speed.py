"""Time and memory of one training step: the engine, the reference, and plain matrix products."""

import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.reference import Reference
from explorer import catalog
from explorer.allocator import keep_memory
from explorer.models import FrozenModel, best_device, fast_dtype, load
from explorer.recipes import preset
from explorer.training import Row, Trainer

CHUNK = 256


def embedded(dtype: torch.dtype | None = None) -> FrozenModel:
    """Return the embedded model in the format of the search."""
    card = catalog.known_models()[0]
    device = best_device()
    return load(card.folder, card.name, dtype=dtype or fast_dtype(device), device=device)


def parameters_in_use(model: FrozenModel) -> int:
    """Return the number of weights one token is multiplied by (a tied table counts once)."""
    linears = [m for m in model.network.modules() if isinstance(m, torch.nn.Linear)]
    return sum(linear.weight.numel() for linear in linears)


def trainer(model: FrozenModel, rows: int, length: int) -> Trainer:
    """Return a trainer with random targets, which never become exact in a few steps."""
    numbers = torch.Generator().manual_seed(0)
    vocabulary = model.network.config.vocab_size
    targets = torch.randint(0, vocabulary, (rows, length), generator=numbers).tolist()
    return Trainer(
        model, [Row(tuple(t), seed) for seed, t in enumerate(targets)], "e+mN", preset("fast")
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


@torch.no_grad()
def products(model: FrozenModel, positions: int) -> Callable[[], None]:
    """Return plain products of the model's own weights, forward and back to the inputs."""
    linears = [m for m in model.network.modules() if isinstance(m, torch.nn.Linear)]
    widths = {n for linear in linears for n in linear.weight.shape}
    inputs = {
        n: torch.randn(min(positions, CHUNK) if n > 20_000 else positions, n,
                       dtype=model.dtype, device=model.device)
        for n in widths
    }  # fmt: skip
    chunk = torch.randn(min(positions, CHUNK), model.d_model, dtype=model.dtype).to(model.device)

    @torch.no_grad()
    def run() -> None:
        for linear in linears:
            out, into = linear.weight.shape
            head = out > 20_000
            for _ in range(max(1, positions // CHUNK) if head else 1):
                _ = (chunk if head else inputs[into]) @ linear.weight.T
                _ = inputs[out] @ linear.weight

    return run


def throughput(model: FrozenModel, reference: Reference, rounds: int) -> dict[str, float]:
    """Compare 8 rows × N = 64 with the reference, turn by turn; medians."""
    engine = trainer(model, 8, 64)
    target = tuple(range(1000, 1064))
    engine.step()
    reference.step_seconds(target, 2)
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(seconds(engine.step, model.device))
        theirs += reference.step_seconds(target, 2)[1:]
    mine, plain = statistics.median(ours), statistics.median(theirs)
    return {
        "engine_tokens_per_second": 8 * 64 / mine,
        "reference_tokens_per_second": 64 / plain,
        "row_throughput_ratio": (8 * 64 / mine) / (64 / plain),
    }


def gemm_fraction(model: FrozenModel, rounds: int) -> dict[str, float]:
    """Compare 16 rows × N = 64 with plain products of the same format, turn by turn; medians."""
    positions = 16 * 64
    work = 4 * parameters_in_use(model) * positions
    engine, plain = trainer(model, 16, 64), products(model, positions)
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


def table(model: FrozenModel, rounds: int, *, short: bool) -> list[dict[str, float]]:
    """Time a step over N at four rows, and over rows at N = 24."""
    lengths = (8, 32, 128) if short else (8, 16, 32, 64, 128, 256, 512)
    shapes = [(4, n) for n in lengths] + [
        (r, 24) for r in ((1, 8) if short else (1, 2, 4, 8, 16, 32))
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


def peak_memory() -> dict[str, float]:
    """Train 8 rows × N = 64 in a process of its own, last steps in float32; return its memory."""
    code = "import json, benchmarks.speed as s; print(json.dumps(s.memory_of_a_run()))"
    done = subprocess.run(  # noqa: S603  # this file, in a process of its own
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def memory_of_a_run() -> dict[str, float]:
    """Measure this process; see `peak_memory`.

    The model's own bytes are those of its weights in the format they are held in; the file may
    hold them in half of that, so the peak over the file is told too.
    """
    import psutil
    import transformers.models.llama.modeling_llama

    from explorer.pool import ModelPool

    del transformers
    card = catalog.known_models()[0]
    assert card.folder is not None
    keep_memory()
    before = psutil.Process().memory_info().rss
    pool = ModelPool(best_device())
    model = pool.get(card.folder, card.name, fast_dtype(pool.device))
    run = trainer(model, 8, 64)
    for _ in range(4):
        run.step()
    exact = Trainer(pool.get(card.folder, card.name, torch.float32), run.rows[:2], "e+mN",
                    preset("fast"))  # fmt: skip
    exact.step()
    peak = _peak_bytes()
    own = sum(weight.numel() * weight.element_size() for weight in model.network.parameters())
    stored = sum(file.stat().st_size for file in card.folder.glob("*.safetensors"))
    return {
        "model_bytes": own,
        "file_bytes": stored,
        "peak_bytes": peak - before,
        "peak_rss_ratio": (peak - before) / own,
        "peak_file_ratio": (peak - before) / stored,
        "process_peak_bytes": peak,
    }
