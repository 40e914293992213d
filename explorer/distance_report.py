"""What is known about the distances of one set: a table of pairs and a summary, on the disk."""

import hashlib
import io
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from explorer import folders
from explorer.distances import KINDS, Kind, Metric, Vector
from explorer.effects import PERMUTATIONS, RESAMPLES
from explorer.files import write_atomically
from explorer.sets.records import SetRecord, SolutionSet

VERSION = 1
"""Of what is computed; reports of another version are made again."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Compared(_Value):
    """One comparison of two kinds of pairs (`explorer.effects.Comparison`)."""

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


CHANCE = 0.05
"""p below which two kinds of pairs count as told apart."""


def order_in_words(measured: Summarised) -> str:
    """Say whether the kinds of pairs separate in the paper's order, with the effect sizes.

    The paper's order is same text, same context, different contexts, the closest first (E6).
    """
    by_median = sorted(measured.medians.items(), key=lambda kind: kind[1])
    listed = ", ".join(f"{kind} {median:.3f}" for kind, median in by_median)
    kept = [kind for kind, _ in by_median] == [k for k in KINDS if k in measured.medians]
    order = "are in the paper's order" if kept else "are not in the paper's order here"
    said = [f"From near to far, the medians {order}: {listed}."]
    for apart, words in ((True, "Beyond chance"), (False, "Not told from chance")):
        which = [c for c in measured.comparisons if (c.p < CHANCE) is apart]
        if which:
            pairs = "; ".join(f"{c.near} closer than {c.far} (AUC {c.auc:.2f})" for c in which)
            said.append(f"{words} (p {'<' if apart else '≥'} {CHANCE}): {pairs}.")
    return " ".join(said)


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


def key(record: SetRecord) -> str:
    """Return the name of a set's report: it depends on the exact solutions, not on the rest."""
    ids = sorted(member.solution for member in record.exact)
    return hashlib.sha256(json.dumps([VERSION, record.id, ids]).encode()).hexdigest()[:16]


def save(found: SolutionSet, report: DistanceReport) -> Path:
    """Keep a report.

    Raises:
        StorageError: if the disk refuses.
    """
    folder = folders.local() / "analyses"
    buffer = io.BytesIO()
    report.pairs.to_parquet(buffer, index=False)
    write_atomically(folder / f"distances-{key(found.record)}.parquet", buffer.getvalue())
    return write_atomically(
        folder / f"distances-{key(found.record)}.json",
        report.summary.model_dump_json(indent=1).encode(),
    )


def load(found: SolutionSet) -> DistanceReport | None:
    """Return the report of a set if it was made here or ships with the project."""
    return next((r for file in files(found.record) if (r := read(file)) is not None), None)


def files(record: SetRecord) -> list[Path]:
    """Return where the summary of a set's report lies, here before what ships; none: not made."""
    places = [
        root / "analyses" / f"distances-{key(record)}.json"
        for root in (folders.local(), folders.recorded())
    ]
    return [file for file in places if file.is_file()]


def read(file: Path) -> DistanceReport | None:
    """Return a report by the file of its summary, or None if it cannot be read."""
    try:
        summary = DistanceSummary.model_validate_json(file.read_bytes())
        return DistanceReport(pd.read_parquet(file.with_suffix(".parquet")), summary)
    except (OSError, ValueError, ValidationError):
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
