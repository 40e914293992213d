"""What it gives that trainings share passes: `python -m benchmarks.shared_pass [--json]`.

First steps: target tokens trained a second by 1, 8 and 30 jobs together, beside one job with the
same rows. Then whole texts: the wall time of 30 texts trained together over the sum of them alone,
as a worker would that takes one job after another. On a machine that does other work meanwhile only
ratios are worth reading.
"""

import argparse
import dataclasses
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import benchmark_texts
from benchmarks.speed import trainer
from explorer import texts
from explorer.base.errors import BadInputError
from explorer.model.frozen import FrozenModel, best_device
from explorer.model.pool import ModelPool
from explorer.specs.recipes import FAST
from explorer.training import Row, Trainer
from explorer.training.shared_pass import step_together

JOBS = (1, 8, 30)
RESTARTS = 2
"""Rows of a job: what is left of four restarts after a few steps."""


@dataclass(frozen=True)
class Rate:
    """How fast some jobs train together.

    Attributes:
        jobs: how many.
        rows: of each.
        length: N.
        tokens_per_second: target tokens of all of them, for each second of a step.
        over_one_job: that over the same of one job with as many rows.
        over_one: that over the same of a single job.
    """

    jobs: int
    rows: int
    length: int
    tokens_per_second: float
    over_one_job: float
    over_one: float


@dataclass(frozen=True)
class Texts:
    """What it takes to train some texts, one after another and together.

    Attributes:
        texts: how many.
        lengths: N of the shortest and the longest.
        alone: seconds one after another, summed.
        together: seconds of all of them at once.
        sooner: alone over together.
        exact_alone: how many became exact.
        exact_together: how many did together.
        steps_alone: steps of the exact restart of each, summed.
        steps_together: the same together.
    """

    texts: int
    lengths: tuple[int, int]
    alone: float
    together: float
    sooner: float
    exact_alone: int
    exact_together: int
    steps_alone: int
    steps_together: int


def step_seconds(trainers: Sequence[Trainer], times: int) -> float:
    """Return how long a step of all of them takes, the least of some."""
    taken = []
    for _ in range(times + 1):
        started = time.perf_counter()
        step_together(trainers)
        taken.append(time.perf_counter() - started)
    return min(taken[1:])


def rates(model: FrozenModel, length: int, times: int) -> list[Rate]:
    """Time steps of jobs that never become exact."""
    found: list[Rate] = []
    for jobs in JOBS:
        tokens = jobs * RESTARTS * length
        several = [trainer(model, RESTARTS, length) for _ in range(jobs)]
        one = [trainer(model, jobs * RESTARTS, length)]
        here, there = (tokens / step_seconds(each, times) for each in (several, one))
        single = found[0].tokens_per_second if found else here
        found.append(Rate(jobs, RESTARTS, length, here, here / there, here / single))
    return found


def job(pool: ModelPool, ids: Sequence[int], restarts: int) -> Trainer:
    """Return what the app trains for a text."""
    card, folder = benchmark_texts.embedded()
    model = pool.searching(folder, card.name, FAST.precision)
    rows = [Row(tuple(ids), seed) for seed in range(restarts)]
    return Trainer(
        model,
        rows,
        "e+mN",
        FAST,
        exact_model=lambda: pool.confirming(folder, card.name),
        until="first",
    )


def whole_texts(
    pool: ModelPool, targets: Sequence[Sequence[int]], restarts: int
) -> tuple[Texts, list[Trainer]]:
    """Train texts one after another, then the same ones together."""
    alone = [job(pool, ids, restarts) for ids in targets]
    started = time.perf_counter()
    for each in alone:
        while not each.finished:
            each.step()
    after = time.perf_counter()
    together = [job(pool, ids, restarts) for ids in targets]
    while running := [each for each in together if not each.finished]:
        for report in step_together(running):
            if isinstance(report, BadInputError):
                raise report
    sum_alone, at_once = after - started, time.perf_counter() - after
    ends = [[_winner(each) for each in trainers] for trainers in (alone, together)]
    lengths = [len(ids) for ids in targets]
    found = Texts(
        len(targets),
        (min(lengths), max(lengths)),
        sum_alone,
        at_once,
        sum_alone / at_once,
        *(sum(steps is not None for steps in each) for each in ends),
        *(sum(steps or 0 for steps in each) for each in ends),
    )
    return found, together


def _winner(trained: Trainer) -> int | None:
    """Return the steps of the exact restart, None if there is none."""
    outcomes = [trained.outcome(i) for i in range(len(trained.rows))]
    return min((each.steps for each in outcomes if each.score.exact), default=None)


def targets(pool: ModelPool, count: int, lengths: Sequence[int]) -> list[list[int]]:
    """Return the beginnings of passages by Shakespeare, of these lengths in turn."""
    card, folder = benchmark_texts.embedded()
    tokenizer = pool.searching(folder, card.name, FAST.precision).tokenizer
    found = texts.draw_many("seen", count, 5, tokenizer, max(lengths))
    return [
        list(tokenizer.encode_prefix(passage.text, lengths[k % len(lengths)])[0])
        for k, passage in enumerate(found)
    ]


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--texts", type=int, default=30)
    parser.add_argument("--lengths", type=int, nargs="+", default=[12, 24])
    parser.add_argument(
        "--mixed", action="store_true", help="also all lengths from 8 to 28 at once"
    )
    parser.add_argument("--restarts", type=int, default=4)
    parser.add_argument("--times", type=int, default=5, help="steps timed for a rate")
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    asked = parser.parse_args(argv)
    pool = ModelPool(best_device())
    card, folder = benchmark_texts.embedded()
    model = pool.searching(folder, card.name, FAST.precision)
    found_rates = [rate for N in asked.lengths for rate in rates(model, N, asked.times)]
    for rate in found_rates if not asked.json else ():
        print(
            f"{rate.jobs} jobs of {rate.rows} × {rate.length}: {rate.tokens_per_second:.0f} tokens "
            f"a second, {rate.over_one:.2f} times one job's, {rate.over_one_job:.2f} times that of "
            "one job with the same rows"
        )
    found_texts = []
    kinds = [[N] for N in asked.lengths] + ([list(range(8, 29))] if asked.mixed else [])
    for lengths in kinds:
        said, _ = whole_texts(pool, targets(pool, asked.texts, lengths), asked.restarts)
        found_texts.append(said)
        if not asked.json:
            print(
                f"{said.texts} texts of {said.lengths[0]} to {said.lengths[1]} tokens: "
                f"{said.alone:.0f} s one after another, {said.together:.0f} s together, "
                f"{said.sooner:.2f} times sooner; {said.exact_together} exact "
                f"({said.exact_alone} alone)",
                flush=True,
            )
    if asked.json:
        found = {
            "device": str(pool.device),
            "format": model.number_format,
            "rates": [dataclasses.asdict(rate) for rate in found_rates],
            "texts": [dataclasses.asdict(said) for said in found_texts],
        }
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
