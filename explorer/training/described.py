"""What every stored outcome of a training says of itself, whatever was trained."""

from typing import Any, Protocol

import numpy as np

from explorer.base.provenance import versions
from explorer.model.frozen import FrozenModel
from explorer.solutions.solution import made_from, now
from explorer.specs.recipes import Recipe
from explorer.training.rows import Row


class Ended(Protocol):
    """The end of one row, of any kind of training."""

    @property
    def row(self) -> Row:
        """What was trained."""

    @property
    def steps(self) -> int:
        """Optimiser steps from the row's start to its end."""

    @property
    def seconds(self) -> float:
        """Compute time of the steps the row took part in."""

    @property
    def reason(self) -> str | None:
        """Why it ended, None when exact."""

    @property
    def confirmed_in(self) -> str:
        """Number format of its score."""


def described(
    found: Ended,
    model: FrozenModel,
    recipe: Recipe,
    nats: tuple[float, int],
    run: str,
    *,
    made_with: str,
    loss: float,
    name: str | None = None,
    title: str = "",
    source: str = "own",
    job: str | None = None,
    known_starts: str | None = None,
) -> dict[str, Any]:
    """Return the fields of a record that follow from how its row was trained.

    Args:
        found: the end of the row.
        model: what searched.
        recipe: how it was trained.
        nats: H_LM of the target and the number of its terms (Q2).
        run: the run's own id, a part of the solution's id.
        made_with: what was trained, and with whom, in words that tell runs apart.
        loss: of its score, nats; left out of the record where it is no number.
        name: of the model as the person gave it; None: the model's own.
        title: where the text comes from, in words.
        source: key of the text's source.
        job: id of the job, None from a shell.
        known_starts: digest of the pairs near one of which it started, if it did.
    """
    ids = np.array(found.row.target_ids, dtype=np.int64)
    called = name or model.name
    seed = found.row.seed
    origin = made_from(called, model.fingerprint, ids, made_with, recipe, seed, known_starts)
    return {
        "id": f"{origin}-{run}",
        "made_from": origin,
        "model": called,
        "fingerprint": model.fingerprint,
        "recipe": recipe,
        "seed": seed,
        "text": model.tokenizer.decode(list(found.row.target_ids)),
        "title": title,
        "source": source,
        "h_lm": nats[0],
        "h_lm_terms": nats[1],
        "loss": loss if np.isfinite(loss) else None,
        "steps": found.steps,
        "seconds": found.seconds,
        "tokens_per_second": found.steps * len(ids) / max(found.seconds, 1e-9),
        "confirmed_in": found.confirmed_in,
        "searched_in": model.number_format,
        "device": model.device.type,
        "threads": model.threads,
        "versions": versions(),
        "reason": found.reason,
        "created": now(),
        "job": job,
    }
