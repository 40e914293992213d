"""Easy and hard targets, a quick recipe, and how tests of the trainer drive it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.specs.recipes import INDEPENDENT, Recipe
from explorer.training import StepReport, Trainer

EASY = (17, 17, 99, 99)
"""Two halves of one token each: `halves` learns it within 25 steps."""
HARD = (17, 250, 99, 5, 160, 31)
"""Not learnt in the few steps that a test takes."""
QUICK = INDEPENDENT.model_copy(
    update={
        "name": "quick",
        "lr": 0.5,
        "warmup_steps": 5,
        "init_scale": 1.0,
        "ease_below": None,
        "flatten": 0.0,
        "max_steps": 200,
    }
)


def name(parameter: Recipe | str) -> str:
    return parameter.name if isinstance(parameter, Recipe) else parameter


def quick(**fields: Any) -> Recipe:
    return Recipe.model_validate(QUICK.model_dump() | fields)


def run(trainer: Trainer, steps: int = 1000) -> list[StepReport]:
    reports: list[StepReport] = []
    while not trainer.finished and len(reports) < steps:
        reports.append(trainer.step())
    return reports


def trajectory(trainer: Trainer, row: int, steps: int) -> NDArray[np.float32]:
    """Return e and m of one row after each step, (steps, 2, d)."""
    pairs = []
    for _ in range(steps):
        trainer.step()
        pairs.append(trainer.vectors_of(row).copy())
    return np.stack(pairs)
