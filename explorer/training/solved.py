"""From the outcome of a row to the solution that is stored."""

import numpy as np

from explorer.model.frozen import FrozenModel
from explorer.solutions.solution import Solution, SolutionRecord
from explorer.specs.arrangements import ArrangementKey
from explorer.specs.recipes import Recipe
from explorer.training.described import described
from explorer.training.rows import Outcome
from explorer.training.starts import warm_digest


def solution_of(
    found: Outcome,
    model: FrozenModel,
    arrangement: ArrangementKey,
    recipe: Recipe,
    nats: tuple[float, int],
    run: str,
    *,
    shared: str = "",
    shared_m: bool = False,
    name: str | None = None,
    title: str = "",
    source: str = "own",
    job: str | None = None,
) -> Solution:
    """Return a row's outcome as a solution.

    Args:
        found: its vectors and their score.
        model: what searched.
        arrangement: how e and m were laid out.
        recipe: how it was trained.
        nats: H_LM of the target and the number of its terms (Q2).
        run: the run's own id, a part of the solution's.
        shared: which vectors it shares with whom, in words that identify the group.
        shared_m: whether m is among them.
        name: of the model as the person gave it; None: the model's own.
        title: where the text comes from, in words.
        source: key of the text's source.
        job: id of the job, None from a shell.
    """
    known = warm_digest(model.fingerprint) if recipe.known_m is not None else None
    fields = described(
        found,
        model,
        recipe,
        nats,
        run,
        made_with=f"{arrangement}, {shared}" if shared else arrangement,
        loss=found.score.loss,
        name=name,
        title=title,
        source=source,
        job=job,
        known_starts=known,
    )
    record = SolutionRecord(
        **fields,
        arrangement=arrangement,
        accuracy=found.score.accuracy,
        exact=found.score.exact,
        c_tokens=found.score.c_tokens,
        shared_m=shared_m,
        known_starts=known,
    )
    return Solution(found.e, found.m, np.array(found.row.target_ids, dtype=np.int64), record)
