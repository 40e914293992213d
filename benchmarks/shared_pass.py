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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

from benchmarks import benchmark_texts
from benchmarks.speed import trainer
from explorer.assets.tokenizing import Tokenizer
from explorer.model.frozen import FrozenModel, best_device
from explorer.model.pool import ModelPool
from explorer.specs.recipes import FAST
from explorer.texts.drawing import draw_many
from explorer.training import Row, Trainer
from explorer.training.shared_pass import Step, take_together

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
        cheaper: the same of processor time, which other work beside it disturbs less.
        exact: how many became exact, alone and together.
        steps: of the exact restart of each, summed, alone and together.
    """

    texts: int
    lengths: tuple[int, int]
    alone: float
    together: float
    sooner: float
    cheaper: float
    exact: tuple[int, int]
    steps: tuple[int, int]


def step_seconds(trainers: Sequence[Trainer], times: int) -> float:
    """Return how long a step of all of them takes, the least of some."""
    taken = []
    for _ in range(times + 1):
        started = time.perf_counter()
        take_together([Step(each) for each in trainers])
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


Job = Callable[[Sequence[int]], Trainer]


def job_of(pool: ModelPool, folder: Path, name: str, restarts: int) -> Job:
    """Return what makes the training that the app makes of a text."""
    model = pool.searching(folder, name, FAST.precision)

    def job(ids: Sequence[int]) -> Trainer:
        rows = [Row(tuple(ids), seed) for seed in range(restarts)]
        exact = partial(pool.confirming, folder, name)
        return Trainer(model, rows, "e+mN", FAST, exact_model=exact, until="first")

    return job


def whole_texts(job: Job, targets: Sequence[Sequence[int]]) -> Texts:
    """Train texts one after another, then the same ones together."""
    clock = [(time.perf_counter(), time.process_time())]
    alone = [job(ids) for ids in targets]
    for each in alone:
        while not each.finished:
            each.step()
    clock.append((time.perf_counter(), time.process_time()))
    together = [job(ids) for ids in targets]
    while running := [each for each in together if not each.finished]:
        steps = [Step(each) for each in running]
        take_together(steps)
        for step in steps:
            step.take()
    clock.append((time.perf_counter(), time.process_time()))
    wall, processor = (
        [later - before for before, later in pairwise(column)]
        for column in zip(*clock, strict=True)
    )
    ends = [[_winner(each) for each in trainers] for trainers in (alone, together)]
    lengths = [len(ids) for ids in targets]
    return Texts(
        texts=len(targets),
        lengths=(min(lengths), max(lengths)),
        alone=wall[0],
        together=wall[1],
        sooner=wall[0] / wall[1],
        cheaper=processor[0] / processor[1],
        exact=(sum(n is not None for n in ends[0]), sum(n is not None for n in ends[1])),
        steps=(sum(n or 0 for n in ends[0]), sum(n or 0 for n in ends[1])),
    )


def _winner(trained: Trainer) -> int | None:
    """Return the steps of the exact restart, None if there is none."""
    outcomes = [trained.outcome(i) for i in range(len(trained.rows))]
    return min((each.steps for each in outcomes if each.score.exact), default=None)


def targets(tokenizer: Tokenizer, count: int, lengths: Sequence[int]) -> list[list[int]]:
    """Return the beginnings of passages by Shakespeare, of these lengths in turn."""
    found = draw_many("seen", count, 5, tokenizer, max(lengths))
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
    job = job_of(pool, folder, card.name, asked.restarts)
    found_texts = []
    kinds = [[N] for N in asked.lengths] + ([list(range(8, 29))] if asked.mixed else [])
    for lengths in kinds:
        said = whole_texts(job, targets(model.tokenizer, asked.texts, lengths))
        found_texts.append(said)
        if not asked.json:
            print(
                f"{said.texts} texts of {said.lengths[0]} to {said.lengths[1]} tokens: "
                f"{said.alone:.0f} s one after another, {said.together:.0f} s together, "
                f"{said.sooner:.2f} times sooner ({said.cheaper:.2f} in processor time); "
                f"{said.exact[1]} exact ({said.exact[0]} alone) after {said.steps[1]} steps "
                f"({said.steps[0]})",
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
