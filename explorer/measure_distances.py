"""Computes the distances of a set with their statistics (E6, E7, Q5-Q7); runs in the worker."""

from typing import Any

import numpy as np
import pandas as pd

from explorer import text_distances
from explorer.distance_report import Compared, DistanceReport, DistanceSummary, Summarised
from explorer.distances import (
    KINDS,
    METRICS,
    VECTORS,
    Metric,
    Pairs,
    Vector,
    between,
    has_one_m,
    pairs,
    random_baseline,
    stack,
)
from explorer.effects import compare
from explorer.sets.records import SolutionSet


def make(found: SolutionSet) -> DistanceReport:
    """Compute every distance and statistic of a set (E6, E7, Q5-Q7).

    Raises:
        BadInputError: if the set has too few exact solutions, or a text twice.
        MissingAssetError: if the sentence model is not installed.
    """
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
                high=c.high, p=c.p, shuffled=c.shuffled,
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
