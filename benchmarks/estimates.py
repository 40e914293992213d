"""Estimate against outcome: every experiment, a set and a text, on the embedded model.

`python -m benchmarks.estimates [NAME …]` runs each at a small size in a cache of its own, times a
step just before as the app does, and prints what was said and what it took, one JSON line each.
`usual_after` is the same estimate from steps timed afterwards: far from `usual`, the machine was
busy with other work.
Some six minutes on two quiet cores; `--preset minutes` runs the experiments at that size, longer.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

from benchmarks.running_app import own_cache
from explorer.assets import catalog
from explorer.assets.catalog import ModelCard
from explorer.base import folders
from explorer.estimates import outlook, run_time
from explorer.estimates.outlook import Expected
from explorer.estimates.set_time import estimate as estimate_set
from explorer.experiments.catalogue import EXPERIMENTS, experiment
from explorer.model.pool import ModelPool
from explorer.specs.jobs import ReconstructSpec, SolveSetSpec
from explorer.specs.recipes import FAST, INDEPENDENT
from explorer.tasks.experiments.task import RunTask
from explorer.tasks.reconstruct import Reconstruction
from explorer.tasks.sets.building import SetBuilder
from explorer.tasks.step_time import measured, timed

QUICK = INDEPENDENT.model_copy(update={"name": "independent, 120 steps", "max_steps": 120})
SMALL: dict[str, dict[str, Any]] = {
    "arrangements": {"lengths": (2, 8), "texts": 3, "recipe": QUICK,
                     "arrangements": ("halves", "e+mN", "e+mN-1")},
    "sharing": {"group_sizes": (1, 2), "texts": 4, "length": 8, "recipe": QUICK},
    "capacity": {"ladder": (4, 8), "sources": ("unseen",), "texts": 3, "restarts": 1,
                 "recipe": QUICK},
    "throughput": {"lengths": (8, 32), "repeats": 3},
    "training-time": {"lengths": (8, 16), "texts": 3, "recipe": QUICK},
    "readout": {"contexts": 3, "length": 8, "context_length": 32, "recipe": QUICK},
}  # fmt: skip
"""Sizes at which each takes about a minute."""
TEXT = "The ferry leaves at dawn, and nobody on the quay believes that it will come back."
SET, ONE = "set", "text"


def main() -> None:
    """Run what was named, or all, and print a line and at the end a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join([*EXPERIMENTS, SET, ONE])}")
    parser.add_argument("--preset", default=None, help="of the experiments, instead of small ones")
    asked = parser.parse_args()
    card = catalog.known_models()[0]
    pool = ModelPool(torch.device("cpu"))
    kinds = {**dict.fromkeys(EXPERIMENTS, _experiment), SET: _set, ONE: _text}
    table = []
    with own_cache():
        for name in asked.names or list(kinds):
            found = kinds[name](name, card, pool, asked.preset)
            print(json.dumps(found), flush=True)
            table.append(found)
    print("\n| | usual (s) | at most | outcome | outcome ÷ usual |\n|---|---|---|---|---|")
    for row in table:
        values = " | ".join(f"{row[key]:.0f}" for key in ("usual", "most", "outcome"))
        print(f"| {row['name']} | {values} | {row['ratio']:.2f} |")


def _experiment(name: str, card: ModelCard, pool: ModelPool, preset: str | None) -> dict[str, Any]:
    asked = experiment(name)
    fields = dict(asked.presets[preset]) if preset else SMALL[name]
    suits = {"arrangement": card.default_arrangement}
    own = suits if "arrangement" in asked.settings.model_fields else {}
    settings = asked.make({"model": card.name, **own, **fields})
    task = RunTask(settings, pool)
    step_time = timed(task.bench.model, *run_time.step(settings))
    said = run_time.before(asked, settings, card.parameters, step_time)
    expected = run_time.expected(asked, settings, card.parameters, step_time)
    found = _outcome(name, said, expected, lambda: _exhaust(task.steps()))
    after = measured(task.bench.model, *run_time.step(settings))
    again = run_time.expected(asked, settings, card.parameters, after)
    return found | {"usual_after": round(again.usual, 1)}


def _set(name: str, card: ModelCard, pool: ModelPool, preset: str | None) -> dict[str, Any]:
    spec = SolveSetSpec(
        model=card.name, contexts=2, continuations=3, restarts=3, length=8, regime="free",
        arrangement=card.default_arrangement, recipe=INDEPENDENT,
    )  # fmt: skip
    task = SetBuilder(spec, pool)
    step_time = timed(task.model, spec.length, spec.arrangement, spec.recipe)
    found = estimate_set(spec, card.parameters, step_time)
    return _outcome(name, found.sentence, found.expected, lambda: _exhaust(task.steps()))


def _text(name: str, card: ModelCard, pool: ModelPool, preset: str | None) -> dict[str, Any]:
    spec = ReconstructSpec(
        model=card.name,
        text=TEXT,
        length=16,
        arrangement=card.live_arrangement(FAST),
        recipe=FAST,
        restarts=4,
        until="first",
    )
    out = folders.local() / "text"
    task = Reconstruction(spec, pool, out, None, out)
    step_time = timed(task.model, spec.length, spec.arrangement, spec.recipe)
    expected = outlook.of_text(spec, step_time)
    assert expected.seconds is not None
    return _outcome(name, expected.sentence, expected.seconds, lambda: _exhaust(task.steps()))


def _exhaust(steps: Iterator[Any]) -> None:
    for _ in steps:
        pass


def _outcome(name: str, said: str, expected: Expected, work: Callable[[], None]) -> dict[str, Any]:
    began = time.monotonic()
    work()
    took = time.monotonic() - began
    return {
        "name": name,
        "said": said,
        "usual": round(expected.usual, 1),
        "most": round(expected.most, 1),
        "outcome": round(took, 1),
        "ratio": round(took / expected.usual, 2),
    }


if __name__ == "__main__":
    main()
