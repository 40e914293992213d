"""How many steps the paper's recipe takes: `python -m benchmarks.paper_steps`.

One restart of every reported text, N = 24, arrangement A4, stopped after 3,000 steps. Steps do
not depend on the machine's speed, so they are measured once, in one batch on the engine, and kept
in `paper_steps.json` beside this file.
"""

import json
import platform
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.material import reported_on, target
from explorer import catalog
from explorer.models import best_device, fast_dtype
from explorer.pool import ModelPool
from explorer.recipes import preset
from explorer.training import Row, Trainer

CAP = 3000
LENGTH = 24
FILE = Path(__file__).with_suffix(".json")


def measure(cap: int = CAP) -> dict[str, Any]:
    """Train every text; return steps, accuracies and how they were measured."""
    card = catalog.known_models()[0]
    assert card.folder is not None
    folder, pool = card.folder, ModelPool(best_device())
    import torch

    model = pool.get(folder, card.name, fast_dtype(pool.device))
    passages = reported_on(model)
    run = Trainer(
        model,
        [Row(target(model, passage, LENGTH), seed=0) for passage in passages.values()],
        "e+mN",
        preset("paper").model_copy(update={"max_steps": cap}),
        exact_model=lambda: pool.get(folder, card.name, torch.float32),
    )
    start = time.perf_counter()
    with tqdm(total=cap, disable=not sys.stderr.isatty()) as bar:
        while not run.finished:
            run.step()
            bar.update()
    outcomes = [run.outcome(i) for i in range(len(passages))]
    return {
        "recipe": "paper",
        "model": card.name,
        "arrangement": "e+mN",
        "length": LENGTH,
        "cap": cap,
        "searched_in": str(model.dtype).removeprefix("torch."),
        "machine": platform.processor() or platform.machine(),
        "date": date.today().isoformat(),
        "seconds": round(time.perf_counter() - start),
        "texts": [
            {
                "name": name,
                "exact": found.score.exact,
                "steps": found.steps,
                "accuracy": found.score.accuracy,
            }
            for name, found in zip(passages, outcomes, strict=True)
        ],
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(measure(), indent=1) + "\n")
    print(FILE.read_text())
