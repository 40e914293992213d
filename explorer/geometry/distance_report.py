"""What is known about the distances of one set: a table of pairs and a summary, on the disk.

The summary holds everything that pages show. The table (450,775 rows at the paper's size) is read
where somebody asks for the pairs themselves.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field
from typing_extensions import override

from explorer.base import folders
from explorer.base.files import write_atomically
from explorer.base.language import amount, later, tr
from explorer.base.progress import finish
from explorer.base.provenance import Recorded
from explorer.base.value import Value
from explorer.geometry import distance_charts
from explorer.geometry.distance_charts import AgainstTexts, DistanceCharts, Histogram
from explorer.geometry.distances import KINDS, VECTORS, Kind, Metric, Vector
from explorer.geometry.effects import LEAST_CONTEXTS, PERMUTATIONS, RESAMPLES, Comparison
from explorer.geometry.set_reports import SetReports, key
from explorer.solutions.sets import SolutionSet

ROWS_AT_ONCE = 10_000
"""Pairs that are written as JSON at a time."""
ONE_M = later(
    "m is shared: all its vectors are equal, its distance is zero, and there is no statistic for "
    "it. In L2, e and m together are as far apart as e alone. In cosine they are not: the shared m "
    "draws all of them together, the more the shorter their e, so read the cosine of e alone."
)
WITHDRAWN = "“Both” differs from e only by that constant."
"""How the remark that `ONE_M` replaces ended in reports of old: true of L2, not of cosine."""


class Summarised(Value):
    """One vector and one metric."""

    vector: Vector
    metric: Metric
    dimensions: int
    medians: dict[Kind, float]
    baseline: tuple[float, float] | None = Field(
        description="Mean and deviation of random directions' cosine distance; none for L2."
    )
    comparisons: list[Comparison]


CHANCE = 0.05
"""p below which two kinds of pairs count as told apart."""


def order_in_words(measured: Summarised) -> str:
    """Say whether the kinds of pairs separate in the paper's order, with the effect sizes.

    The paper's order is same text, same context, different contexts, the closest first (E6).
    """
    by_median = sorted(measured.medians.items(), key=lambda kind: kind[1])
    listed = ", ".join(f"{tr(kind)} {amount(f'{median:.3f}')}" for kind, median in by_median)
    kept = [kind for kind, _ in by_median] == [k for k in KINDS if k in measured.medians]
    said = [
        tr("From near to far, the medians are in the paper's order: {medians}.", medians=listed)
        if kept
        else tr(
            "From near to far, the medians are not in the paper's order here: {medians}.",
            medians=listed,
        )
    ]
    level = f"{CHANCE}"
    words = {
        True: tr("Beyond chance (p < {level})", level=level),
        False: tr("Not distinguishable from chance (p ≥ {level})", level=level),
        None: tr("Too few texts or contexts for any p below {level}", level=level),
    }
    for verdict, begins in words.items():
        which = [c for c in measured.comparisons if _beyond_chance(c) is verdict]
        if which:
            said.append(f"{begins}: {'; '.join(map(_said, which))}.")
    return " ".join(said)


def _said(c: Comparison) -> str:
    """Say which pairs are closer, or that they are farther where that is beyond chance."""
    told = {"near": tr(c.near), "far": tr(c.far), "auc": f"{c.auc:.2f}"}
    if c.p_reverse is not None and c.p_reverse < CHANCE:
        return tr("{near} farther than {far} (AUC {auc})", **told)
    return tr("{near} closer than {far} (AUC {auc})", **told)


def _beyond_chance(c: Comparison) -> bool | None:
    """Whether a comparison is told from chance; None where no p could have been low enough."""
    if c.smallest_p is not None and c.smallest_p >= CHANCE:
        return None
    return min(c.p, 1.0 if c.p_reverse is None else c.p_reverse) < CHANCE


ONE_CONTEXT = later(
    "The set has one context, so there are no pairs of different contexts and no intervals over "
    "contexts. Same text against same context can still be compared."
)
FEW_CONTEXTS = later(
    "The set has {contexts} contexts. An interval needs {least} or more: it is made by drawing "
    "contexts anew, and so few leave next to nothing to draw. So there are no intervals here."
)


def few_contexts(contexts: int) -> list[str]:
    """Say why there is no interval, where there is none; in English, as reports keep it."""
    if contexts == 1:
        return [ONE_CONTEXT]
    if contexts < LEAST_CONTEXTS:
        return [FEW_CONTEXTS.format(contexts=contexts, least=LEAST_CONTEXTS)]
    return []


class DistanceSummary(Recorded):
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
    charts: DistanceCharts | None = Field(None, description="What pages draw; null in old files.")

    def of(self, vector: str, metric: str) -> Summarised | None:
        """Return the numbers of one vector and metric; None: it has none."""
        return next((m for m in self.measured if (m.vector, m.metric) == (vector, metric)), None)

    def histogram(self, measured: Summarised) -> Histogram:
        """Return how the distances of one vector and metric spread."""
        assert self.charts is not None
        which = measured.vector, measured.metric
        return next(h for h in self.charts.histograms if (h.vector, h.metric) == which)

    def against_texts(self, vector: str, text_distance: str) -> AgainstTexts:
        """Return how the cosine distance of one vector goes with a distance of the texts."""
        assert self.charts is not None
        which = vector, text_distance
        found = self.charts.against_texts
        return next(a for a in found if (a.vector, a.text_distance) == which)


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


class _Summaries(SetReports[DistanceSummary]):
    @override
    def read(self, file: Path) -> DistanceSummary | None:
        """Return a summary, or None if it cannot be read.

        What an old version left out is computed from its pairs: seconds at the paper's size.
        """
        try:
            summary = DistanceSummary.model_validate(_corrected(json.loads(file.read_bytes())))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if summary.charts is None and (pairs := _pairs(file)) is not None:
            charts = finish(distance_charts.make(pairs, vectors(one_m=summary.one_m)))
            summary = summary.model_copy(update={"charts": charts})
        return summary if summary.charts is not None else None


_SUMMARIES = _Summaries("distances", DistanceSummary)
files, read = _SUMMARIES.files, _SUMMARIES.read


def save(found: SolutionSet, report: DistanceReport) -> Path:
    """Keep a report.

    Raises:
        StorageError: if the disk refuses.
    """
    file = folders.local() / "analyses" / f"distances-{key(found.record)}.parquet"
    write_atomically(file, report.pairs.to_parquet(index=False))
    return _SUMMARIES.save(found.record, report.summary)


def load(found: SolutionSet) -> DistanceSummary | None:
    """Return the summary of a set's report if it was made here or ships with the project."""
    return _SUMMARIES.load(found.record)


def load_pairs(found: SolutionSet) -> pd.DataFrame | None:
    """Return the table of pairs that belongs to what `load` returns, or None: measure again."""
    return next((t for file in files(found.record) if (t := _pairs(file)) is not None), None)


def _pairs(file: Path) -> pd.DataFrame | None:
    try:
        return pd.read_parquet(file.with_suffix(".parquet"))
    except (OSError, ValueError):
        return None


def vectors(*, one_m: bool) -> list[Vector]:
    """Return the vectors that have a statistic."""
    return [vector for vector in VECTORS if not (one_m and vector == "m")]


def _corrected(fields: dict[str, Any]) -> dict[str, Any]:
    """Take back what old versions said that is not so: intervals of few contexts, a remark on m."""
    notes = [ONE_M if note.endswith(WITHDRAWN) else note for note in fields["notes"]]
    if fields["contexts"] < LEAST_CONTEXTS:
        notes += [note for note in few_contexts(fields["contexts"]) if note not in notes]
        for compared in (c for m in fields["measured"] for c in m["comparisons"]):
            compared["low"] = compared["high"] = None
    return {"versions": {}} | fields | {"notes": notes}


def as_json(summary: DistanceSummary, pairs: pd.DataFrame) -> Iterator[str]:
    """Yield the pieces of one JSON object: `pairs` and `summary`; what is undefined is null."""
    yield '{"pairs": ['
    for start in range(0, len(pairs), ROWS_AT_ONCE):
        rows = pairs.iloc[start : start + ROWS_AT_ONCE].to_dict(orient="records")
        plain = [
            {
                str(name): None if isinstance(value, float) and not math.isfinite(value) else value
                for name, value in row.items()
            }
            for row in rows
        ]
        text = json.dumps(plain, allow_nan=False)
        yield (", " if start else "") + text[1:-1]
    said = summary.model_dump(mode="json", exclude={"charts": {"drawn"}})
    yield f'], "summary": {json.dumps(said, allow_nan=False)}}}'
