"""Training time (E11): how long it takes until a text is exact, over N."""

import math

import numpy as np
import pandas as pd

from explorer.experiments import paper
from explorer.experiments.arrangements import SHORT
from explorer.experiments.definition import (
    EVENING,
    MINUTES,
    PAPER,
    Experiment,
    Finding,
    in_words,
    the_same,
)
from explorer.experiments.runs import Cell, Run
from explorer.specs.experiments import TrainingTimeSettings

LINEAR = (0.75, 1.25)
"""Slopes of log seconds over log N that count as roughly linear."""


def cells(settings: TrainingTimeSettings) -> list[Cell]:
    """Return one cell for each length; all texts and restarts are its rows."""
    return [Cell(key=f"n-{n}", title=f"Training N = {n}", at={"n": n}) for n in settings.lengths]


def protocol(settings: TrainingTimeSettings) -> str:
    """Say what was done."""
    starts = "one start" if settings.restarts == 1 else f"{settings.restarts} restarts side by side"
    return (
        f"{the_same(settings.texts)} ({in_words(settings.source)}) for "
        f"N = {settings.lengths[0]} to {settings.lengths[-1]}, one text after the other, "
        f"{starts}, until the first is exact"
    )


def first_exact(run: Run) -> pd.DataFrame:
    """Return one row a text: n, text, exact, and steps and seconds to its first exact restart.

    Steps are that restart's own; seconds are of all restarts at work until then, as a person
    waits for them. A text without an exact restart has neither (NaN): it takes longer than it
    was given, nobody knows how much.
    """
    rows = []
    for (n, text), part in run.table.groupby(["n", "text"]):
        found = part[part["exact"]].sort_values("steps")
        exact = len(found) > 0
        rows.append(
            {
                "n": n,
                "text": text,
                "exact": exact,
                "steps": float(found["steps"].iloc[0]) if exact else math.nan,
                "seconds": float(found["text_seconds"].iloc[0]) if exact else math.nan,
            }
        )
    return pd.DataFrame(rows)


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
    claim = "The paper (v2): roughly linear in N, a slope of about 1."
    found = slopes(run)
    by = dict(zip(found["of"], found["slope"], strict=True)) if len(found) else {}
    if "seconds" not in by:
        return f"Open here: fewer than two lengths have every text exact. {claim}"
    steps = f", of steps {by['steps']:.2f}" if "steps" in by else ""
    few = " Two lengths alone say little." if found["lengths"].iloc[0] == 2 else ""
    return f"Slope over N of seconds {by['seconds']:.2f}{steps}.{few} {claim}"


def findings(run: Run) -> list[Finding]:
    """Return what the run says of E11: nothing certain from fewer than three lengths."""
    found = slopes(run)
    seconds = found[found["of"] == "seconds"] if len(found) else found
    if seconds.empty or seconds["lengths"].iloc[0] < 3:
        return [Finding("E11", None, growth(run))]
    slope = float(seconds["slope"].iloc[0])
    return [Finding("E11", LINEAR[0] <= slope <= LINEAR[1], growth(run))]


def tables(run: Run) -> dict[str, pd.DataFrame]:
    """Return everything the run adds up to."""
    return {
        "Time until exact over N": summary(run),
        "Growth (log-log slope)": slopes(run),
        "First exact restart of each text": first_exact(run),
    }


EXPERIMENT = Experiment(
    name="training-time",
    title="Training time",
    question=(
        "How long does it take until a text is exact, and how does that grow with N? A text "
        "that never is exact is counted apart, not given a time."
    ),
    checklist=("E11",),
    settings=TrainingTimeSettings,
    presets={
        MINUTES: {"lengths": (4, 8, 16), "texts": 2, "recipe": SHORT},
        EVENING: {"texts": 3},
        PAPER: paper.settings(
            "training-time",
            lengths=(8, 16, 32, 64, 128, 256, 512),
            texts=10,
            restarts=1,
            source="pg19",
        ),
    },
    cells=cells,
    protocol=protocol,
    tables=tables,
    findings=findings,
)
