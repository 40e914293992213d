"""Computes the distances of a set with their statistics (E6, E7, Q5-Q7), beside the worker."""

import math
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from explorer.base.language import later, tr
from explorer.base.progress import Progress, finish
from explorer.geometry import distance_charts, distance_report, text_distances
from explorer.geometry.distance_report import (
    ONE_M,
    DistanceReport,
    DistanceSummary,
    Summarised,
)
from explorer.geometry.distances import (
    KINDS,
    METRICS,
    VECTORS,
    Metric,
    Pairs,
    Vector,
    between,
    has_one_m,
    pairs,
    stack,
    texts,
)
from explorer.geometry.effects import COMPARISONS, Comparison, compare
from explorer.solutions import sets
from explorer.solutions.sets import SolutionSet

TEXTS_TAKE, CHARTS_TAKE = 0.2, 0.2
"""Parts of the time that the distances of texts and the charts take, roughly."""


def make_and_save(name: str, report: Callable[[Progress], None]) -> int:
    """Measure a set's distances, keep them, and return how many pairs there are.

    Args:
        name: id of the set, or its folder.
        report: hears what comes next; what it raises ends the work.

    Raises:
        BadInputError, CorruptFileError, MissingAssetError, StorageError: as `steps`, reading the
            set, and keeping what is made.
    """
    found = sets.read(sets.find(name))
    made = finish(steps(found), report)
    distance_report.save(found, made)
    return len(made.pairs)


def make(found: SolutionSet) -> DistanceReport:
    """Compute every distance and statistic of a set, as `steps`."""
    return finish(steps(found))


def steps(found: SolutionSet) -> Generator[Progress, None, DistanceReport]:
    """Compute every distance and statistic of a set (E6, E7, Q5-Q7); say what comes next.

    Raises:
        BadInputError: if the set has too few or too many exact solutions, or a text twice.
        MissingAssetError: if the sentence model is not installed.
    """
    at = pairs(found)
    one_m = has_one_m(found)
    which = [(v, m) for v in distance_report.vectors(one_m=one_m) for m in METRICS]
    yield Progress(tr("Measuring distances between texts."), 0.0)
    said = texts(found)
    semantic = text_distances.semantic_distances(said)
    tfidf = text_distances.tfidf_distances(said)
    yield Progress(tr("Measuring distances between proto-tokens."), TEXTS_TAKE)
    table = _table(found, at)
    table["tfidf"] = tfidf[at.texts[at.first], at.texts[at.second]]
    table["semantic"] = semantic[at.texts[at.first], at.texts[at.second]]
    measured = []
    for k, (vector, metric) in enumerate(which):
        compared: list[Comparison] = []
        distances = table[f"{metric}_{vector}"].to_numpy()
        part = (1 - TEXTS_TAKE - CHARTS_TAKE) / len(which)
        doing = tr(
            "Resampling contexts and permuting labels: {metric} of {vector}.",
            metric=metric,
            vector=vector,
        )
        yield Progress(doing, TEXTS_TAKE + k * part)
        for c in compare(at, distances):
            compared.append(c)
            yield Progress(doing, TEXTS_TAKE + (k + len(compared) / len(COMPARISONS)) * part)
        measured.append(_summarised(found, at, distances, vector, metric, compared))
    charts = yield from distance_charts.make(
        table, distance_report.vectors(one_m=one_m), 1 - CHARTS_TAKE
    )
    record = found.record
    summary = DistanceSummary(
        set=record.id,
        regime=record.regime_in_words,
        solutions=len(found.solutions),
        texts=len(said),
        contexts=len(np.unique(at.contexts)),
        counts=at.counts,
        one_m=one_m,
        measured=measured,
        tfidf_corpus=text_distances.CORPUS.format(count=len(said)),
        semantic_model=text_distances.SENTENCE_MODEL,
        notes=_notes(found, at, table, one_m=one_m),
        charts=charts,
    )
    return DistanceReport(table, summary)


def _table(found: SolutionSet, at: Pairs) -> pd.DataFrame:
    ids = pd.Index([s.record.id for s in found.solutions])
    columns: dict[str, Any] = {
        "a": pd.Categorical.from_codes(at.first, ids),
        "b": pd.Categorical.from_codes(at.second, ids),
        "kind": pd.Categorical.from_codes(at.kind, pd.Index(KINDS)),
        "context_a": at.contexts[at.first],
        "context_b": at.contexts[at.second],
        "text_a": at.texts[at.first],
        "text_b": at.texts[at.second],
    }
    for metric in METRICS:
        for vector in VECTORS:
            distances = between(stack(found.solutions, vector), metric)
            columns[f"{metric}_{vector}"] = distances[at.first, at.second]
    return pd.DataFrame(columns)


def _summarised(
    found: SolutionSet,
    at: Pairs,
    distances: Float[np.ndarray, " P"],
    vector: Vector,
    metric: Metric,
    compared: list[Comparison],
) -> Summarised:
    dimensions = found.record.d_model * (2 if vector == "both" else 1)
    return Summarised(
        vector=vector,
        metric=metric,
        dimensions=dimensions,
        medians=at.medians(distances),
        baseline=(1.0, 1 / math.sqrt(dimensions)) if metric == "cosine" else None,
        comparisons=compared,
    )


NO_SAME_TEXT = later(
    "No text has two exact solutions, so there are no same-text pairs. Ask for restarts."
)
NO_SAME_CONTEXT = later(
    "No context has two texts, so there are no same-context pairs. Ask for continuations."
)
NO_WORD = later(
    "{missing} pairs have a text without any word, so their TF-IDF distance is undefined; they are "
    "left out of charts with TF-IDF."
)
NOT_FOUND = later("{left} of the set's solutions were not found; only exact ones are compared.")


def _notes(found: SolutionSet, at: Pairs, table: pd.DataFrame, *, one_m: bool) -> list[str]:
    notes = distance_report.few_contexts(len(np.unique(at.contexts)))
    if not (at.kind == 0).any():
        notes.append(NO_SAME_TEXT)
    if not (at.kind == 1).any():
        notes.append(NO_SAME_CONTEXT)
    if one_m:
        notes.append(ONE_M)
    if missing := int(table["tfidf"].isna().sum()):
        notes.append(NO_WORD.format(missing=missing))
    if left := len(found.record.unsolved):
        notes.append(NOT_FOUND.format(left=left))
    return notes
