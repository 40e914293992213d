"""From the outcome of one row of a set to its solution."""

import numpy as np

from explorer.models import FrozenModel
from explorer.sets.crews import Task
from explorer.sets.records import SetRecord, SetText
from explorer.solutions import Solution, SolutionRecord, made_from, now
from explorer.training import Outcome


def solution_of(
    found: Outcome,
    task: Task,
    text: SetText,
    record: SetRecord,
    model: FrozenModel,
    nats: tuple[float, int],
    job: str | None,
) -> Solution:
    """Return a row's outcome as a solution.

    Args:
        found: its vectors and their score.
        task: what it was, with the steps it had before.
        text: its target.
        record: the set it belongs to; with m shared, its id is part of what made the solution.
        model: what searched.
        nats: H_LM of the target and the number of its terms (Q2).
        job: id of the job, None from a shell.
    """
    spec = record.spec
    shared = spec.regime == "shared"
    ids = np.array(task.target_ids, dtype=np.int64)
    made_with = f"{spec.arrangement}, m of set {record.id}" if shared else spec.arrangement
    origin = made_from(model.name, model.fingerprint, ids, made_with, spec.recipe, task.seed)
    after = f" after {task.steps} joint ones" if task.steps else ""
    steps, seconds = found.steps + task.steps, found.seconds + task.seconds
    about = SolutionRecord(
        id=f"{origin}-{record.id[:8]}",
        made_from=origin,
        model=model.name,
        fingerprint=model.fingerprint,
        arrangement=spec.arrangement,
        recipe=spec.recipe,
        seed=task.seed,
        text=text.text,
        title=text.title,
        source=text.source,
        accuracy=found.score.accuracy,
        exact=found.score.exact,
        c_tokens=found.score.c_tokens,
        h_lm=nats[0],
        h_lm_terms=nats[1],
        loss=found.score.loss if np.isfinite(found.score.loss) else None,
        steps=steps,
        seconds=seconds,
        tokens_per_second=steps * len(ids) / max(seconds, 1e-9),
        confirmed_in=found.confirmed_in,
        searched_in=str(model.dtype).removeprefix("torch."),
        device=model.device.type,
        reason=found.reason and f"{found.reason}{after}",
        shared_m=shared,
        created=now(),
        job=job,
    )
    return Solution(found.e, found.m, ids, about)
