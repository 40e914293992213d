"""Two solutions beside each other: settings, results, and how far apart their vectors are."""

import math
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy.typing import NDArray

from explorer.base.language import later, retold, tr
from explorer.base.provenance import in_words
from explorer.solutions.solution import AnyRecord, MemoryRecord, Solution
from explorer.specs.arrangements import ARRANGEMENTS


def scheme(record: AnyRecord) -> tuple[str, str]:
    """Return how a solution is fed to the model: in short, and written out."""
    if isinstance(record, MemoryRecord):
        before, K = "" if record.sink is None else f"[token {record.sink}]", record.tokens_of_memory
        return f"mem {K}", tr("{input}, then the text", input=f"{before}[mem]×{K}")
    arrangement = ARRANGEMENTS[record.arrangement]
    return arrangement.checklist_id, arrangement.formula


def facts(record: AnyRecord, length: int) -> dict[str, Any]:
    """Return what made a solution and what came of it, in words a person reads.

    Args:
        record: of the solution.
        length: N.
    """
    return {
        "text": record.text,
        later("correct tokens (C_tokens)"): record.c_tokens,
        later("accuracy"): round(record.accuracy, 4),
        later("exact"): record.exact,
        later("ended because"): retold(record.reason or "exact"),
        later("steps"): record.steps,
        later("seconds"): round(record.seconds, 1),
        later("H_LM, nats"): round(record.h_lm, 2)
        if math.isfinite(record.h_lm)
        else tr("not a number"),
        later("H_LM, terms"): record.h_lm_terms,
        later("loss, nats"): None if record.loss is None else float(f"{record.loss:.4g}"),
        "N": length,
        later("seed"): record.seed,
        later("arrangement"): " ".join(scheme(record)),
        later("kind"): record.kind,
        later("model"): record.model,
        later("fingerprint"): record.fingerprint[:12],
        later("from"): record.title,
        later("source"): record.source,
        later("target tokens per second"): round(record.tokens_per_second, 1),
        later("confirmed in"): record.confirmed_in,
        later("searched in"): record.searched_in,
        later("device"): record.device,
        later("processor threads"): record.threads,
        later("started near pairs"): getattr(record, "known_starts", None),
        later("versions"): in_words(record.versions),
        later("made"): record.created,
        later("job"): record.job,
        "id": record.id,
        **{
            f"recipe: {name.replace('_', ' ')}": value
            for name, value in record.recipe.shown.items()
        },
    }


def side_by_side(one: Solution, other: Solution) -> pd.DataFrame:
    """Return a table of all facts of two solutions: setting, first, second, differs."""
    left, right = (facts(s.record, s.length) for s in (one, other))
    keys = list(dict.fromkeys([*left, *right]))
    return pd.DataFrame(
        {
            "setting": keys,
            "first": [shown(left.get(key)) for key in keys],
            "second": [shown(right.get(key)) for key in keys],
            "differs": [left.get(key) != right.get(key) for key in keys],
        }
    )


def shown(value: Any) -> str:
    """Return a fact as a cell of a table."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return tr("yes") if value else tr("no")
    return str(value)


def cosine_distance(
    one: Float[NDArray[np.float32], " d"], other: Float[NDArray[np.float32], " d"]
) -> float | None:
    """Return 1 - cos of the angle between two vectors (Q7), None where it has no meaning.

    It has none between vectors of different d_model, nor for a vector of zeros. Two random
    vectors lie at 1 ± 1/√d.
    """
    if one.shape != other.shape:
        return None
    a, b = one.astype(np.float64), other.astype(np.float64)
    norms = float(np.linalg.norm(a) * np.linalg.norm(b))
    return 1.0 - float(a @ b) / norms if norms else None
