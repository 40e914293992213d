"""Schedules over the steps of a training: its learning rate, and successive halving."""

import math
from typing import Literal

from explorer.specs.recipes import Recipe

Schedule = Literal["constant", "cosine"]

WAKE_STEPS = 160
"""Steps of the leaders after which one more resting restart goes on."""


def scheduled(full: float, schedule: Schedule, step: int, steps: int, warmup: int = 0) -> float:
    """Return the learning rate at `step` (0 is the first update).

    Linear warm-up to the full rate, then constant or a half cosine to a twentieth at `steps`.

    Args:
        full: the full rate.
        schedule: what follows the warm-up.
        step: updates so far.
        steps: at which the cosine ends.
        warmup: steps of the warm-up.
    """
    if step < warmup:
        return full * (step + 1) / warmup
    if schedule == "constant":
        return full
    done = min(1.0, (step - warmup) / max(1, steps - warmup))
    return full * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * done)))


def places(recipe: Recipe, restarts: int, steps: int, near: int) -> int:
    """Return how many restarts of one text train after so many steps of the leader.

    Racing: from the warm-up to `halve_at` those near the leader, if the recipe lets others rest.
    Successive halving: from there on half of them, or the leader alone while none is near; and one
    more after every `WAKE_STEPS`.

    Args:
        recipe: says from when on some rest.
        restarts: how many there are.
        steps: of the leader.
        near: how many are near the leader, itself among them.
    """
    if recipe.halve_at is None or steps < recipe.halve_at:
        raced = recipe.rest_above is not None and steps >= recipe.warmup_steps
        return near if raced else restarts
    ahead = 1 if near == 1 else (restarts + 1) // 2
    return min(restarts, ahead + (steps - recipe.halve_at) // WAKE_STEPS)
