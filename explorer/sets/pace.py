"""Times one training step of a full batch, for the estimates before a set or a run is made."""

import contextlib
import time

from explorer import paces
from explorer.arrangements import ArrangementChoice
from explorer.errors import StorageError
from explorer.models import FrozenModel
from explorer.recipes import Recipe
from explorer.sets.crews import ROWS
from explorer.training import Row, Trainer

MOST_STEPS = 5
MOST_SECONDS = 2.0
"""Time after which no further step is begun; a slow machine times a single one."""


def timed(model: FrozenModel, length: int, arrangement: ArrangementChoice, recipe: Recipe) -> float:
    """Time a step and keep its pace for later estimates; return what `token_seconds` returns."""
    seconds = token_seconds(model, length, arrangement, recipe)
    pace = paces.Pace(model=model.name, precision=recipe.precision, token_seconds=seconds)
    with contextlib.suppress(StorageError):  # an estimate is all that it is for
        paces.keep(pace)
    return seconds


def token_seconds(
    model: FrozenModel, length: int, arrangement: ArrangementChoice, recipe: Recipe
) -> float:
    """Return the seconds of one step for each row and target token, in batches as a set's.

    The shortest of up to `MOST_STEPS` steps: a machine busy with something else for a moment must
    not make every later estimate too long.

    Args:
        model: what would search.
        length: N; long targets are timed at 64 tokens.
        arrangement: of the set; while it is open, the one with most positions is timed.
        recipe: of the set.
    """
    length = min(length, 64)
    rows = [Row((1,) * length, seed) for seed in range(ROWS)]
    key = "e+mN" if arrangement == "auto" else arrangement
    trainer = Trainer(model, rows, key, recipe)
    trainer.step()  # warm
    took: list[float] = []
    while not took or (len(took) < MOST_STEPS and sum(took) < MOST_SECONDS):
        start = time.perf_counter()
        trainer.step()
        took.append(time.perf_counter() - start)
    return min(took) / (ROWS * length)
