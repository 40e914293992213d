"""Times a cell of the throughput experiment: both ways of getting N tokens (E5)."""

import time

import numpy as np

from explorer.experiments.runs import Cell
from explorer.experiments.throughput import AUTOREGRESSIVE, ONE_FORWARD
from explorer.model.metrics import generate, score
from explorer.specs.arrangements import settled
from explorer.specs.experiments import ThroughputSettings
from explorer.tasks.experiments.bench import Bench, Measuring


def measure(bench: Bench, settings: ThroughputSettings, cell: Cell) -> Measuring:
    """Time both sides in turn, in the search's number format, after one untimed round of each.

    e and m are random and the target is any: how long a pass takes does not depend on what
    it says. Its seconds include comparing with the target and reading the ids back, so that it
    is over on a GPU too; those of generation read every token back.
    """
    n, model = int(cell.at["n"]), bench.model
    rng = np.random.default_rng(settings.seed)
    e, m = rng.standard_normal((2, model.d_model)).astype(np.float32) * model.embedding_std
    rows: list[dict[str, object]] = []
    for repeat in range(-1, settings.repeats):  # the first is the warm-up
        start = time.perf_counter()
        score(model, e, m, [0] * n, settled(settings.arrangement))
        one = time.perf_counter() - start
        seconds = 0.0
        steps = generate(model, [], n)
        for k in range(n):
            start = time.perf_counter()
            next(steps)
            seconds += time.perf_counter() - start
            yield (repeat + 1 + (k + 1) / n) / (settings.repeats + 1)
        if repeat >= 0:
            rows += [
                {"n": n, "side": side, "repeat": repeat, "seconds": took}
                for side, took in ((ONE_FORWARD, one), (AUTOREGRESSIVE, seconds))
            ]
    return rows
