"""Times training steps of two sizes, for the estimates before a set or a run is made."""

import contextlib
import time

import torch

from explorer.base.errors import StorageError
from explorer.model.frozen import FrozenModel
from explorer.model.metrics import generate
from explorer.runtime import step_times
from explorer.specs.arrangements import ARRANGEMENTS, ArrangementChoice
from explorer.specs.recipes import Recipe
from explorer.tasks.sets.batches import ROWS
from explorer.training import Row, Trainer
from explorer.training.layouts import OnePass
from explorer.training.memory import rows_that_fit

MOST_STEPS = 5
MOST_SECONDS = 2.0
"""Time after which no further step is begun; a slow machine times a single one."""
LONGEST = 64
"""Target tokens of the steps that are timed, at most."""
GENERATED = 6
"""Tokens that are generated alone, to time one."""


def timed(
    model: FrozenModel, length: int, arrangement: ArrangementChoice, recipe: Recipe
) -> step_times.StepTime:
    """Time a step, keep that for later estimates, and return it."""
    step_time = measured(model, length, arrangement, recipe)
    with contextlib.suppress(StorageError):  # an estimate is all that it is for
        step_times.keep(step_time)
    return step_time


def measured(
    model: FrozenModel, length: int, arrangement: ArrangementChoice, recipe: Recipe
) -> step_times.StepTime:
    """Return what a step costs for each pass and for each token, and a token generated alone.

    From a step of one row and one of a set's full batch: two sizes, two unknowns. What is searched
    in bfloat16 is finished in float32, one text at a time: such a step is timed as well.

    Args:
        model: what would search.
        length: N; long targets are timed at `LONGEST` tokens.
        arrangement: of the rows; while it is open, the one with most positions is timed.
        recipe: of the rows.
    """
    length = min(length, LONGEST)
    one = _step_seconds(model, 1, length, arrangement, recipe)
    full = _step_seconds(model, ROWS, length, arrangement, recipe)
    most = step_times.POSITIONS
    if model.device.type != "cpu":  # what memory holds is all that bounds a pass there
        most = rows_that_fit(model, length) * length
    passes = -(-ROWS // max(1, most // length))
    token = (full - passes * one) / (length * max(1, ROWS - passes))
    token = max(token, full / (ROWS * length) / 10)  # a moment's noise must not make it nothing
    exact = None if model.dtype == torch.float32 else model.in_float32()
    finishing = one if exact is None else _step_seconds(exact, 1, length, arrangement, recipe)
    return step_times.StepTime(
        model=model.name,
        precision=recipe.precision,
        token_seconds=token,
        pass_seconds=max(0.0, one - length * token),
        generate_seconds=_generate_seconds(model),
        most_positions=most,
        exact_factor=finishing / max(one, 1e-9),
    )


def _step_seconds(
    model: FrozenModel, rows: int, length: int, arrangement: ArrangementChoice, recipe: Recipe
) -> float:
    """Return the shortest of up to `MOST_STEPS` steps.

    A machine busy with something else for a moment must not make every later estimate too long.
    """
    key = "sink+e+mN" if arrangement == "auto" else arrangement
    layout = OnePass(key, 0 if ARRANGEMENTS[key].has_sink else None)  # any token takes as long
    endless = recipe.model_copy(update={"max_steps": 1_000_000})  # a row that is over costs nothing
    trainer = Trainer(model, [Row((1,) * length, seed) for seed in range(rows)], layout, endless)
    trainer.step()  # warm
    took: list[float] = []
    while not took or (len(took) < MOST_STEPS and sum(took) < MOST_SECONDS):
        start = time.perf_counter()
        trainer.step()
        took.append(time.perf_counter() - start)
    return min(took)


def _generate_seconds(model: FrozenModel) -> float:
    took: list[float] = []
    tokens = generate(model, [], GENERATED)
    for _ in range(GENERATED):
        start = time.perf_counter()
        next(tokens)
        took.append(time.perf_counter() - start)
    return max(min(took[1:]), 1e-9)
