"""A text that is learnt in thirty steps, and how tests drive a reconstruction."""

from pathlib import Path
from typing import Any

from explorer.solutions.solution import Solution, load_solution
from explorer.specs.jobs import ReconstructSpec
from explorer.specs.recipes import FAST
from explorer.tasks.reconstruct import Reconstruction
from tests.steps import exhaust

TEXT = "zzqq"
"""Two tokens twice each, which `halves` learns within 30 steps."""
RECIPE = FAST.model_copy(
    update={
        "name": "quick",
        "lr": 0.5,
        "warmup_steps": 5,
        "init_scale": 1.0,
        "max_steps": 150,
        "precision": "float32",
    }
)


def spec_for(folder: Path, **fields: Any) -> ReconstructSpec:
    asked = {
        "model": str(folder),
        "text": TEXT,
        "length": 4,
        "arrangement": "halves",
        "recipe": RECIPE,
        "restarts": 2,
        "seed": 3,
        "title": "two letters",
    }
    return ReconstructSpec.model_validate(asked | fields)


def finish(task: Reconstruction) -> list[Solution]:
    exhaust(task.steps())
    return [load_solution(path) for _, path in sorted(task.solutions.items())]


def walk(task: Reconstruction, count: int) -> None:
    """Take some steps, then close the iterator, as a worker does that shuts down."""
    steps = task.steps()
    next(steps)  # before the first, so that it can be taken with others'
    for _ in range(count):
        next(steps)
    steps.close()
