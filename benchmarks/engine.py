"""The engine beside a plain loop: `python -m benchmarks.engine [--json] [--short] [--device cuda]`.

Prints ratios, each measured in one run on one machine. `--short` takes a minute or two and says
little about speed; it shows that the benchmark works.
"""

import argparse
import json
import platform
import statistics
import sys
from datetime import date
from pathlib import Path
from typing import Any

import torch

from benchmarks import benchmark_texts, paper_steps, speed
from benchmarks.exactness import fast_arm
from benchmarks.reference import Reference
from explorer.base.errors import BadInputError
from explorer.model.frozen import FrozenModel, choose_device, memory_free
from explorer.model.pool import ModelPool


def machine(model: FrozenModel) -> dict[str, Any]:
    """Say what this was measured on."""
    return {
        "date": date.today().isoformat(),
        "device": str(model.device),
        "dtype": model.number_format,
        "threads": torch.get_num_threads(),
        "processor": _processor(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def summary(fast: list[dict[str, Any]]) -> dict[str, Any]:
    """Sum the fast arm up."""
    steps = [line["steps"] for line in fast]
    seconds = [line["seconds"] for line in fast]
    return {
        "texts": len(fast),
        "exact_rate": sum(line["exact"] for line in fast) / len(fast),
        "fast_steps_median": statistics.median(steps),
        "fast_steps_mean": statistics.fmean(steps),
        "fast_seconds_median": statistics.median(seconds),
        "fast_seconds_mean": statistics.fmean(seconds),
    }


def against_paper(fast: list[dict[str, Any]], step: float) -> dict[str, Any]:
    """Set the fast arm beside the paper's steps, each as long as the reference's of this very run.

    Empty where the paper's steps have not been measured yet (`benchmarks.paper_steps`). A text that
    was not exact then counts with the limit of its steps, so both ratios are at least what is said.

    Args:
        fast: the fast arm's texts.
        step: seconds of one of the reference's steps.
    """
    if not paper_steps.FILE.is_file():
        return {}
    kept = json.loads(paper_steps.FILE.read_text())
    plain = {line["name"]: line["steps"] for line in kept["texts"]}
    mine = [line for line in fast if line["name"] in plain]
    theirs = [plain[line["name"]] for line in mine]
    return {
        "paper_exact_rate": sum(line["exact"] for line in kept["texts"]) / len(kept["texts"]),
        "paper_steps_median": statistics.median(theirs),
        "paper_steps_mean": statistics.fmean(theirs),
        "reference_step_seconds": step,
        "steps_ratio": sum(theirs) / sum(line["steps"] for line in mine),
        "time_ratio": sum(theirs) * step / sum(line["seconds"] for line in mine),
    }


def require_fits(plan: dict[str, int], device: torch.device) -> None:
    """Print what is to be held in memory, and leave if that is more than is free.

    Args:
        plan: bytes by what they are for; the model itself is there already.
        device: where.

    Raises:
        SystemExit: with a sentence, if it is.
    """
    free, needed = memory_free(device), sum(plan.values()) - plan["the model"]
    for name, size in plan.items():
        print(f"{size / 1e9:8.2f} GB  {name}", file=sys.stderr)
    print(f"{needed / 1e9:8.2f} GB  more, of {free / 1e9:.2f} GB free on {device}", file=sys.stderr)
    if needed > free:
        sys.exit(
            f"The benchmark needs {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free on "
            f"{device}. Free some memory, or choose another --device."
        )


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--short", action="store_true", help="a few minutes instead of fifteen")
    parser.add_argument("--device", default="auto", help="auto, cpu, mps, cuda or cuda:1")
    arguments = parser.parse_args()
    try:
        device = choose_device(arguments.device)
    except BadInputError as error:
        sys.exit(str(error))
    rounds, length = (1, speed.SHORT) if arguments.short else (9, speed.LENGTH)
    (card, folder), pool = benchmark_texts.embedded(), ModelPool(device)
    model = pool.searching(folder, card.name)
    require_fits(speed.plan(model, short=arguments.short), device)
    reference = Reference(folder, device)
    result: dict[str, Any] = {"machine": machine(model), "short": arguments.short}
    result |= speed.throughput(model, reference, rounds, length)
    result |= speed.gemm_fraction(model, rounds, length)
    result |= speed.switches(model, rounds)
    result |= speed.peak_memory(device, length)
    result["table"] = speed.table(model, rounds, short=arguments.short)
    small: dict[str, Any] = {"texts": 1, "length": 8, "restarts": 2, "generated": False}
    target = tuple(range(1000, 1000 + paper_steps.LENGTH))
    pace: list[float] = []
    fast = fast_arm(
        between=lambda: pace.extend(reference.step_seconds(target, 3)[1:]),
        device=device,
        **(small if arguments.short else {}),
    )
    result |= summary(fast) | against_paper(fast, statistics.median(pace))
    result["fast_texts"] = fast
    if arguments.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        if isinstance(value, list):
            print(f"{name}:")
            for line in value:
                print("  ", json.dumps(line, ensure_ascii=False))
        else:
            print(f"{name}: {value:.4g}" if isinstance(value, float) else f"{name}: {value}")


if __name__ == "__main__":
    main()
