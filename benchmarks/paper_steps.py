"""How many steps the paper's recipe takes: `python -m benchmarks.paper_steps`.

One restart of every reported text, N = 24, arrangement A4, stopped after 3,000 steps. Steps do
not depend on the machine's speed, so they are measured once on the batched engine, a few texts at a
time, and kept in `paper_steps.json` beside this file; a measurement that was interrupted goes on.
"""

import argparse
import json
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from benchmarks.benchmark_texts import embedded, reported_on, target
from explorer.model.frozen import best_device, fast_dtype
from explorer.model.pool import ModelPool
from explorer.specs.recipes import preset
from explorer.training import Row, Trainer

CAP = 3000
LENGTH = 24
TOGETHER = 5
"""Texts in one batch."""
FILE = Path(__file__).with_suffix(".json")


def measure(file: Path = FILE, cap: int = CAP, length: int = LENGTH) -> dict[str, Any]:
    """Train every text that `file` lacks and write it there; return what it then holds."""
    card, folder = embedded()
    pool = ModelPool(best_device())
    model = pool.get(folder, card.name, fast_dtype(pool.device))
    passages = reported_on(model)
    asked = {
        "recipe": "paper",
        "model": card.name,
        "arrangement": "e+mN",
        "length": length,
        "cap": cap,
    }
    kept: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {}
    if {key: kept.get(key) for key in asked} != asked:
        kept = asked | {"seconds": 0, "texts": []}
    measured = {line["name"] for line in kept["texts"]}
    left = [name for name in passages if name not in measured]
    for names in (left[i : i + TOGETHER] for i in range(0, len(left), TOGETHER)):
        started = time.perf_counter()
        run = Trainer(
            model,
            [Row(target(model, passages[name], length), seed=0) for name in names],
            "e+mN",
            preset("paper").model_copy(update={"max_steps": cap}),
            exact_model=lambda: pool.get(folder, card.name, torch.float32),
        )
        with tqdm(total=cap, desc=", ".join(names), disable=not sys.stderr.isatty()) as bar:
            while not run.finished:
                run.step()
                bar.update()
        for i, name in enumerate(names):
            found = run.outcome(i)
            kept["texts"].append(
                {
                    "name": name,
                    "exact": found.score.exact,
                    "steps": found.steps,
                    "accuracy": found.score.accuracy,
                    "searched_in": model.number_format,
                    "date": date.today().isoformat(),
                }
            )
        kept["seconds"] += round(time.perf_counter() - started)
        file.write_text(json.dumps(kept, indent=1) + "\n")
    return kept


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    print(json.dumps(measure(), indent=1))
