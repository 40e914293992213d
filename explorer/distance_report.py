"""Everything about the distances of one set: a table of pairs and a summary, kept on the disk."""

import hashlib
import io
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from explorer import folders
from explorer.comparisons import PERMUTATIONS, RESAMPLES, SHUFFLED, compare
from explorer.distances import (
    KINDS,
    METRICS,
    VECTORS,
    Kind,
    Metric,
    Pairs,
    Vector,
    between,
    has_one_m,
    pairs,
    random_baseline,
    stack,
)
from explorer.files import write_atomically
from explorer.sets.records import SolutionSet

VERSION = 1
"""Of what is computed; reports of another version are made again."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Compared(_Value):
    """One comparison of two kinds of pairs (`explorer.comparisons.Comparison`)."""

    near: Kind
    far: Kind
    auc: float
    cliffs_delta: float
    low: float | None = Field(description="2.5% of the AUC over resampled contexts.")
    high: float | None = Field(description="97.5%.")
    p: float = Field(description="Permutation test, one-sided: near is closer.")
    shuffled: str = Field(description="What the test permutes.")


class Summarised(_Value):
    """One vector and one metric."""

    vector: Vector
    metric: Metric
    dimensions: int
    medians: dict[Kind, float]
    baseline: tuple[float, float] | None = Field(
        description="Mean and deviation of random directions' cosine distance; none for L2."
    )
    comparisons: list[Compared]


class DistanceSummary(_Value):
    """What the pairs of a set say."""

    set: str
    regime: str
    solutions: int
    texts: int
    contexts: int
    counts: dict[Kind, int]
    one_m: bool = Field(description="All m are equal: their distance is zero, no statistic.")
    measured: list[Summarised]
    tfidf_corpus: str
    semantic_model: str
    resamples: int = RESAMPLES
    permutations: int = PERMUTATIONS
    notes: list[str] = Field(description="What the set does not allow to say, and why.")


@dataclass(frozen=True)
class DistanceReport:
    """Pairs and summary.

    Attributes:
        pairs: a row for each pair: a, b (solution ids), kind, context_a, context_b, text_a, text_b
            (numbers), cosine_e, cosine_m, cosine_both, l2_e, l2_m, l2_both, tfidf, semantic.
        summary: the statistics.
    """

    pairs: pd.DataFrame
    summary: DistanceSummary


def make(found: SolutionSet) -> DistanceReport:
    """Compute every distance and statistic of a set (E6, E7, Q5-Q7).

    Raises:
        BadInputError: if the set has too few exact solutions, or a text twice.
        MissingAssetError: if the sentence model is not installed.
    """
    from explorer import text_distances

    at = pairs(found)
    texts = _texts(found, at)
    semantic = text_distances.semantic_distances(texts)
    tfidf = text_distances.tfidf_distances(texts)
    table = _table(found, at)
    table["tfidf"] = tfidf[at.texts[at.first], at.texts[at.second]]
    table["semantic"] = semantic[at.texts[at.first], at.texts[at.second]]
    one_m = has_one_m(found)
    record = found.record
    summary = DistanceSummary(
        set=record.id,
        regime=record.regime_in_words,
        solutions=len(found.solutions),
        texts=len(texts),
        contexts=len(np.unique(at.contexts)),
        counts={kind: int((at.kind == i).sum()) for i, kind in enumerate(KINDS)},
        one_m=one_m,
        measured=[
            _summarised(found, at, table, vector, metric)
            for vector in VECTORS
            for metric in METRICS
            if not (one_m and vector == "m")
        ],
        tfidf_corpus=text_distances.fitting_corpus(len(texts)),
        semantic_model=text_distances.SENTENCE_MODEL,
        notes=_notes(found, at, table, one_m=one_m),
    )
    return DistanceReport(table, summary)


def _texts(found: SolutionSet, at: Pairs) -> list[str]:
    """Return the different texts by their number."""
    _, firsts = np.unique(at.texts, return_index=True)
    return [found.solutions[i].record.text for i in firsts]


def _table(found: SolutionSet, at: Pairs) -> pd.DataFrame:
    ids = np.array([s.record.id for s in found.solutions])
    columns: dict[str, Any] = {
        "a": ids[at.first],
        "b": ids[at.second],
        "kind": np.array(KINDS)[at.kind],
        "context_a": at.contexts[at.first],
        "context_b": at.contexts[at.second],
        "text_a": at.texts[at.first],
        "text_b": at.texts[at.second],
    }
    for metric in METRICS:
        for vector in VECTORS:
            distances = between(stack(found, vector), metric)
            columns[f"{metric}_{vector}"] = distances[at.first, at.second]
    return pd.DataFrame(columns)


def _summarised(
    found: SolutionSet, at: Pairs, table: pd.DataFrame, vector: Vector, metric: Metric
) -> Summarised:
    distances = table[f"{metric}_{vector}"].to_numpy()
    dimensions = found.record.d_model * (2 if vector == "both" else 1)
    return Summarised(
        vector=vector,
        metric=metric,
        dimensions=dimensions,
        medians={
            kind: float(np.median(distances[at.kind == i]))
            for i, kind in enumerate(KINDS)
            if (at.kind == i).any()
        },
        baseline=random_baseline(dimensions) if metric == "cosine" else None,
        comparisons=[
            Compared(
                near=c.near, far=c.far, auc=c.auc, cliffs_delta=c.cliffs_delta, low=c.low,
                high=c.high, p=c.p, shuffled=SHUFFLED[c.near, c.far],
            )
            for c in compare(at, distances)
        ],
    )  # fmt: skip


def _notes(found: SolutionSet, at: Pairs, table: pd.DataFrame, *, one_m: bool) -> list[str]:
    notes = []
    if len(np.unique(at.contexts)) == 1:
        notes.append(
            "The set has one context, so there are no pairs of different contexts and no "
            "intervals over contexts. Same text against same context can still be compared."
        )
    if not (at.kind == 0).any():
        notes.append(
            "No text has two exact solutions, so there are no same-text pairs. Ask for restarts."
        )
    if not (at.kind == 1).any():
        notes.append(
            "No context has two texts, so there are no same-context pairs. Ask for continuations."
        )
    if one_m:
        notes.append(
            "m is shared: all its vectors are equal, its distance is zero, and there is no "
            "statistic for it. “Both” differs from e only by that constant."
        )
    if missing := int(table["tfidf"].isna().sum()):
        notes.append(
            f"{missing} pairs have a text without any word, so their TF-IDF distance is undefined; "
            "they are left out of charts with TF-IDF."
        )
    if left := len(found.record.unsolved):
        notes.append(f"{left} of the set's solutions were not found; only exact ones are compared.")
    return notes


def key(found: SolutionSet) -> str:
    """Return the name of a set's report: it depends on the exact solutions, not on the rest."""
    ids = sorted(s.record.id for s in found.solutions)
    return hashlib.sha256(json.dumps([VERSION, found.record.id, ids]).encode()).hexdigest()[:16]


def save(found: SolutionSet, report: DistanceReport) -> Path:
    """Keep a report.

    Raises:
        StorageError: if the disk refuses.
    """
    folder = folders.local() / "analyses"
    buffer = io.BytesIO()
    report.pairs.to_parquet(buffer, index=False)
    write_atomically(folder / f"distances-{key(found)}.parquet", buffer.getvalue())
    return write_atomically(
        folder / f"distances-{key(found)}.json", report.summary.model_dump_json(indent=1).encode()
    )


def load(found: SolutionSet) -> DistanceReport | None:
    """Return the report of a set if it was made here or ships with the project."""
    for root in (folders.local(), folders.recorded()):
        file = root / "analyses" / f"distances-{key(found)}.json"
        try:
            summary = DistanceSummary.model_validate_json(file.read_bytes())
            return DistanceReport(pd.read_parquet(file.with_suffix(".parquet")), summary)
        except (OSError, ValueError, ValidationError):
            continue
    return None


def as_json(report: DistanceReport) -> dict[str, Any]:
    """Return a report as plain values: `pairs` and `summary`; what is undefined is null."""
    rows = report.pairs.to_dict(orient="records")
    plain = [
        {
            str(name): None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in row.items()
        }
        for row in rows
    ]
    return {"pairs": plain, "summary": report.summary.model_dump(mode="json")}
