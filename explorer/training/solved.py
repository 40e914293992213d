"""From the outcome of a row to what is stored of it: a solution, or memory vectors."""

import numpy as np

from explorer.base.provenance import versions
from explorer.model.frozen import FrozenModel
from explorer.solutions.solution import made_from, now
from explorer.specs.recipes import Recipe
from explorer.training.layouts import Layout, Stored
from explorer.training.rows import Outcome


def solution_of(
    found: Outcome,
    model: FrozenModel,
    layout: Layout[Stored],
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
) -> Stored:
    """Return a row's outcome as it is stored: a solution of e and m, memory of memory vectors.

    Args:
        found: its vectors and their score.
        model: what searched.
        layout: how the vectors were laid out.
        recipe: how they were trained.
        nats: H_LM of the target and the number of its terms (Q2).
        run: the run's own id, a part of the solution's.
        shared: which vectors it shares with whom, in words that identify the group.
        shared_m: whether m is among them.
        name: of the model as the person gave it; None: the model's own.
        title: where the text comes from, in words.
        source: key of the text's source.
        job: id of the job, None from a shell.
    """
    score, seed = found.score, found.row.seed
    ids = np.array(found.row.target_ids, dtype=np.int64)
    called, words = name or model.name, f"{layout.words}, {shared}" if shared else layout.words
    warm = layout.warm_starts(model, recipe)
    origin = made_from(called, model.fingerprint, ids, words, recipe, seed, warm)
    return layout.stored(
        found,
        shared_m=shared_m,
        known_starts=warm,
        id=f"{origin}-{run}",
        made_from=origin,
        model=called,
        fingerprint=model.fingerprint,
        recipe=recipe,
        seed=seed,
        text=model.tokenizer.decode(list(found.row.target_ids)),
        title=title,
        source=source,
        accuracy=score.accuracy,
        exact=score.exact,
        c_tokens=score.c_tokens,
        h_lm=nats[0],
        h_lm_terms=nats[1],
        loss=score.loss if np.isfinite(score.loss) else None,  # JSON knows no other numbers
        steps=found.steps,
        seconds=found.seconds,
        tokens_per_second=found.steps * len(ids) / max(found.seconds, 1e-9),
        confirmed_in=found.confirmed_in,
        searched_in=model.number_format,
        device=model.device.type,
        threads=model.threads,
        versions=versions(),
        reason=found.reason,
        created=now(),
        job=job,
    )
