"""Times training steps of two sizes, for the estimates before a set or a run is made."""

import contextlib
import time
from collections.abc import Generator

import torch

from explorer.base.errors import StorageError
from explorer.base.language import tr
from explorer.base.progress import Progress, finish
from explorer.model.frozen import FrozenModel
from explorer.model.metrics import generate
from explorer.runtime import step_times
from explorer.specs.arrangements import ARRANGEMENTS, ArrangementChoice
from explorer.specs.recipes import Recipe
from explorer.tasks.sets.batches import ROWS
from explorer.training import Row, Trainer
from explorer.training.layouts import OnePass
from explorer.training.memory import rows_that_fit

Timing = Generator[Progress, None, step_times.StepTime]

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
    return finish(timing(model, length, arrangement, recipe))


def measured(
    model: FrozenModel, length: int, arrangement: ArrangementChoice, recipe: Recipe
) -> step_times.StepTime:
    """Time a step and return what it costs, kept nowhere."""
    return finish(_measuring(model, length, arrangement, recipe))


def timing(
    model: FrozenModel, length: int, arrangement: ArrangementChoice, recipe: Recipe
) -> Timing:
    """Do the same as `timed` step by step, so that others are not kept waiting."""
    step_time = yield from _measuring(model, length, arrangement, recipe)
    with contextlib.suppress(StorageError):  # an estimate is all that it is for
        step_times.keep(step_time)
    return step_time


def _measuring(
    model: FrozenModel, length: int, arrangement: ArrangementChoice, recipe: Recipe
) -> Timing:
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
    one = yield from _step_seconds(model, 1, length, arrangement, recipe)
    full = yield from _step_seconds(model, ROWS, length, arrangement, recipe)
    most = step_times.POSITIONS
    if model.device.type != "cpu":  # what memory holds is all that bounds a pass there
        most = rows_that_fit(model, length) * length
    passes = -(-ROWS // max(1, most // length))
    token = (full - passes * one) / (length * max(1, ROWS - passes))
    token = max(token, full / (ROWS * length) / 10)  # a moment's noise must not make it nothing
    exact = None if model.dtype == torch.float32 else model.in_float32()
    finishing = one
    if exact is not None:
        finishing = yield from _step_seconds(exact, 1, length, arrangement, recipe)
    generating = yield from _generate_seconds(model)
    return step_times.StepTime(
        model=model.name,
        precision=recipe.precision,
        token_seconds=token,
        pass_seconds=max(0.0, one - length * token),
        generate_seconds=generating,
        most_positions=most,
        exact_factor=finishing / max(one, 1e-9),
    )


def _step_seconds(
    model: FrozenModel, rows: int, length: int, arrangement: ArrangementChoice, recipe: Recipe
) -> Generator[Progress, None, float]:
    """Return the shortest of up to `MOST_STEPS` steps.

    A machine busy with something else for a moment must not make every later estimate too long.
    """
    key = "sink+e+mN" if arrangement == "auto" else arrangement
    layout = OnePass(key, 0 if ARRANGEMENTS[key].has_sink else None)  # any token takes as long
    endless = recipe.model_copy(update={"max_steps": 1_000_000})  # a row that is over costs nothing
    trainer = Trainer(model, [Row((1,) * length, seed) for seed in range(rows)], layout, endless)
    yield _doing()
    trainer.step()  # warm
    took: list[float] = []
    while not took or (len(took) < MOST_STEPS and sum(took) < MOST_SECONDS):
        yield _doing()
        start = time.perf_counter()
        trainer.step()
        took.append(time.perf_counter() - start)
    return min(took)


def _generate_seconds(model: FrozenModel) -> Generator[Progress, None, float]:
    took: list[float] = []
    tokens = generate(model, [], GENERATED)
    for _ in range(GENERATED):
        yield _doing()
        start = time.perf_counter()
        next(tokens)
        took.append(time.perf_counter() - start)
    return max(min(took[1:]), 1e-9)


def _doing() -> Progress:
    return Progress(tr("Timing a training step."), 0.0)
