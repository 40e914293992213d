"""Training time (E11): how long it takes until a text is exact, over N.

What counts (`rules.RULES`): the slope of log seconds over log N of every text, over all lengths of
the run, is above `LINEAR`'s lower end and below its upper one. A text that is never exact at a
length takes at least the time that it was given there: where the length is above the mean of log N,
its slope is at least what was measured, where it is below, at most. Six texts with three lengths
are the fewest that decide; how many decide at the spread seen stands in the verdict
(`verdicts.deciding`). Seconds of one machine at rest, nothing else.
"""

import math

import numpy as np
import pandas as pd

from explorer.base.formatting import counted
from explorer.base.language import later, tr
from explorer.experiments import paper
from explorer.experiments.arrangements import SHORT
from explorer.experiments.definition import Experiment, best_of, in_words, of_lengths, the_same
from explorer.experiments.rules import LINEAR
from explorer.experiments.runs import Cell, Run
from explorer.experiments.verdicts import Finding, judged, part
from explorer.specs.experiments import TrainingTimeSettings

LEAST_LENGTHS = 3
"""Lengths that a slope needs before it decides anything."""


def cells(settings: TrainingTimeSettings) -> list[Cell]:
    """Return one cell for each length; all texts and restarts are its rows."""
    return [Cell(key=f"n-{n}", title=f"Training N = {n}", at={"n": n}) for n in settings.lengths]


def protocol(settings: TrainingTimeSettings) -> str:
    """Say what was done."""
    return tr(
        "{texts} ({source}) for N = {lengths}, one text after the other, {restarts}, until "
        "the first is exact",
        texts=the_same(settings.texts),
        source=in_words(settings.source),
        lengths=of_lengths(settings.lengths),
        restarts=best_of(1)
        if settings.restarts == 1
        else tr("{count} restarts side by side", count=settings.restarts),
    )


def first_exact(run: Run) -> pd.DataFrame:
    """Return one row a text: n, text, exact, and steps and seconds to its first exact restart.

    Steps are that restart's own; seconds are of all restarts at work until then, as a person
    waits for them. A text without an exact restart has neither (NaN): it takes longer than it
    was given, nobody knows how much.
    """
    of_text = ["n", "text"]
    texts = run.table[of_text].drop_duplicates().sort_values(of_text)
    exact = run.table[run.table["exact"]].sort_values("steps").drop_duplicates(of_text)
    first = exact[[*of_text, "steps", "text_seconds"]].rename(columns={"text_seconds": "seconds"})
    found = texts.merge(first, how="left").astype({"steps": float, "seconds": float})
    found.insert(2, "exact", found["steps"].notna())
    return found


def summary(run: Run) -> pd.DataFrame:
    """Return medians over the texts that became exact, for each length.

    Columns: n, texts, exact (share of texts), not_exact (number of texts, counted apart), steps,
    seconds (medians, missing where no text is exact).
    """
    grouped = first_exact(run).groupby("n")
    return grouped.agg(
        texts=("exact", "size"),
        exact=("exact", "mean"),
        not_exact=("exact", lambda e: int((~e).sum())),
        steps=("steps", "median"),
        seconds=("seconds", "median"),
    ).reset_index()


def slopes(run: Run) -> pd.DataFrame:
    """Return the slopes of log seconds and log steps over log N: of, slope, lengths.

    Only lengths at which every text is exact count: elsewhere the quick texts alone would. Empty
    with fewer than two such lengths. A slope of 1 is linear.
    """
    found = summary(run)
    whole = found[found["not_exact"] == 0]
    rows = [
        {
            "of": name,
            "slope": float(np.polyfit(np.log(whole["n"]), np.log(whole[name]), 1)[0]),
            "lengths": len(whole),
        }
        for name in ("seconds", "steps")
        if len(whole) > 1 and (whole[name] > 0).all()
    ]
    return pd.DataFrame(rows)


def growth(run: Run) -> str:
    """Say how training time grows with N, or that it is open, beside the paper's word (E11)."""
    claim = tr("The paper (v2): roughly linear in N, a slope of about 1.")
    found = slopes(run)
    by = dict(zip(found["of"], found["slope"], strict=True)) if len(found) else {}
    if "seconds" not in by:
        few = tr("Inconclusive here: at fewer than two lengths every text is exact.")
        return f"{few} {claim}"
    said = tr("Slope over N of seconds {slope}.", slope=f"{by['seconds']:.2f}")
    if "steps" in by:
        said += " " + tr("Slope over N of steps {slope}.", slope=f"{by['steps']:.2f}")
    if found["lengths"].iloc[0] == 2:
        said += " " + tr("Two lengths alone say little.")
    return f"{said} {claim}"


def findings(run: Run) -> list[Finding]:
    """Return what the run says of E11, from the slope of each text over all lengths."""
    found = _each_slope(run)
    if found["lengths"].min() < LEAST_LENGTHS:
        needs = tr("Needs {lengths} lengths of a text.", lengths=LEAST_LENGTHS)
        return [Finding("E11", None, f"{needs} {growth(run)}")]
    slope, (low, high) = found["slope"], LINEAR
    more, less = bool(found["at_least"].any()), bool(found["at_most"].any())
    figure = tr(
        "Slope of log seconds over log N: mean {mean}, {least} to {most} by text.",
        mean=f"{slope.mean():.2f}",
        least=f"{slope.min():.2f}",
        most=f"{slope.max():.2f}",
    )
    told = {
        "missed": int((found["at_least"] | found["at_most"]).sum()),
        "texts": counted(len(found), "text"),
    }
    if more and less:
        figure += " " + tr(
            "At some length {missed} of {texts} never became exact, so the slope is open.", **told
        )
    elif more:
        figure += " " + tr(
            "At some length {missed} of {texts} never became exact, so the slope is at least that.",
            **told,
        )
    elif less:
        figure += " " + tr(
            "At some length {missed} of {texts} never became exact, so the slope is at most that.",
            **told,
        )
    parts = [
        part(slope - low, at_least=more, at_most=less),
        part(high - slope, at_least=less, at_most=more),
    ]
    return [judged("E11", parts, figure)]


def _each_slope(run: Run) -> pd.DataFrame:
    """Return one row a text: slope of log seconds over log N, lengths, at_least and at_most.

    Where it is not exact, the seconds count that it was given: a length above the mean of log N
    then makes the slope a lower bound (at_least), one below it an upper one (at_most).
    """
    given = run.table.groupby(["n", "text"])["text_seconds"].max().rename("given").reset_index()
    found = first_exact(run).merge(given)
    found["seconds"] = found["seconds"].fillna(found["given"])
    rows = []
    for text, rungs in found.groupby("text"):
        log_n = np.log(rungs["n"])
        off = (log_n - log_n.mean()).round(9)[~rungs["exact"]]
        slope = np.polyfit(log_n, np.log(rungs["seconds"]), 1)[0] if len(rungs) > 1 else math.nan
        rows.append(
            {
                "text": text,
                "slope": float(slope),
                "lengths": len(rungs),
                "at_least": bool((off > 0).any()),
                "at_most": bool((off < 0).any()),
            }
        )
    return pd.DataFrame(rows)


def tables(run: Run) -> dict[str, pd.DataFrame]:
    """Return everything the run adds up to."""
    return {
        later("Time until exact over N"): summary(run),
        later("Growth (log-log slope)"): slopes(run),
        later("First exact restart of each text"): first_exact(run),
    }


EXPERIMENT = Experiment(
    name="training-time",
    title=later("Training time"),
    question=later(
        "How long does it take until a text is exact, and how does that grow with N? A text that "
        "never becomes exact is counted separately and given no time."
    ),
    checklist=("E11",),
    settings=TrainingTimeSettings,
    minutes={"lengths": (4, 8, 16), "texts": 2, "recipe": SHORT},
    evening={"lengths": (4, 8, 16, 32), "texts": 20, "restarts": 4},
    paper=paper.settings(
        "training-time",
        lengths=(8, 16, 32, 64, 128, 256, 512),
        texts=10,
        restarts=1,
        source="pg19",
    ),
    cells=cells,
    protocol=protocol,
    tables=tables,
    findings=findings,
)
