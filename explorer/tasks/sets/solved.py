"""From the outcome of one row of a set to its solution."""

from dataclasses import replace

from explorer.base.provenance import then
from explorer.model.frozen import FrozenModel
from explorer.solutions.sets import SetRecord, SetText
from explorer.solutions.solution import Solution
from explorer.specs.arrangements import settled
from explorer.tasks.sets.batches import Task
from explorer.training import Outcome, solved
from explorer.training.layouts import OnePass


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
    after = f" after {task.steps} joint ones" if task.steps else ""
    whole = replace(
        found,
        steps=found.steps + task.steps,
        seconds=found.seconds + task.seconds,
        reason=found.reason and f"{found.reason}{after}",
    )
    made = solved.solution_of(
        whole,
        model,
        OnePass.of(settled(spec.arrangement), model),
        spec.recipe,
        nats,
        record.id[:8],
        shared=f"m of set {record.id}" if shared else "",
        shared_m=shared,
        title=text.title,
        source=text.source,
        job=job,
    )
    if (joint := record.joint) is None:
        return made
    before = {"searched_in": joint.searched_in, "device": joint.device}  # of m, and of e's start
    mixed = {name: then(was, getattr(made.record, name)) for name, was in before.items()}
    return replace(made, record=made.record.model_copy(update=mixed))
