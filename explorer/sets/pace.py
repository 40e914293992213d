"""Times one training step of a full batch, for the estimate before a set is made."""

import time

from explorer.arrangements import ArrangementKey
from explorer.models import FrozenModel
from explorer.recipes import Recipe
from explorer.sets.crews import ROWS
from explorer.training import Row, Trainer


def token_seconds(
    model: FrozenModel, length: int, arrangement: ArrangementKey, recipe: Recipe
) -> float:
    """Return the seconds of one step for each row and target token, in batches as a set's.

    Args:
        model: what would search.
        length: N; long targets are timed at 64 tokens.
        arrangement: of the set.
        recipe: of the set.
    """
    length = min(length, 64)
    rows = [Row((1,) * length, seed) for seed in range(ROWS)]
    trainer = Trainer(model, rows, arrangement, recipe)
    trainer.step()  # warm
    start = time.perf_counter()
    trainer.step()
    return (time.perf_counter() - start) / (ROWS * length)
