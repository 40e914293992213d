"""Arrangements (E1, table 1): which way of laying out e and m can hold a text at all."""

import numpy as np
import pandas as pd

from explorer.experiments import paper
from explorer.experiments.aggregate import best_restart, deviation
from explorer.experiments.definition import (
    EVENING,
    MINUTES,
    PAPER,
    Experiment,
    Finding,
    best_of,
    in_words,
    the_same,
)
from explorer.experiments.runs import Cell, Run
from explorer.specs.arrangements import ARRANGEMENTS
from explorer.specs.experiments import ArrangementsSettings
from explorer.specs.recipes import INDEPENDENT

SHORT = INDEPENDENT.model_copy(update={"name": "independent, 300 steps", "max_steps": 300})


def cells(settings: ArrangementsSettings) -> list[Cell]:
    """Return one cell for each length and arrangement; all texts and restarts are its rows."""
    return [
        Cell(
            key=f"{ARRANGEMENTS[key].checklist_id}-{n}",
            title=f"{ARRANGEMENTS[key].checklist_id}, N = {n}",
            at={"arrangement": key, "n": n},
        )
        for n in settings.lengths
        for key in settings.arrangements
    ]


def protocol(settings: ArrangementsSettings) -> str:
    """Say what was done."""
    return (
        f"{the_same(settings.texts)} ({in_words(settings.source)}) for every arrangement and "
        f"N = {settings.lengths[0]} to {settings.lengths[-1]}, "
        f"{best_of(settings.restarts)} of each"
    )


def best(run: Run) -> pd.DataFrame:
    """Return the best restart of every text: arrangement, id, n, text, accuracy, correct."""
    return best_restart(run.table, ["arrangement", "n"]).reset_index(drop=True)


def summary(run: Run) -> pd.DataFrame:
    """Return mean and standard deviation of accuracy over texts (table 1).

    Columns: arrangement, id, n, mean, sd, texts, exact (share of texts), bound (mean over texts
    of the share of a text's most frequent token: the most that identical outputs can reach, I5).
    """
    grouped = best(run).groupby(["arrangement", "id", "n"], sort=False)
    out = grouped.agg(
        mean=("accuracy", "mean"),
        sd=("accuracy", deviation),
        texts=("accuracy", "size"),
        exact=("exact", "mean"),
        bound=("most_frequent", "mean"),
    )
    return out.reset_index().sort_values(["id", "n"], ignore_index=True)


def by_position(run: Run) -> pd.DataFrame:
    """Return the share of texts that are right at each position: arrangement, id, n, i, right.

    Positions count from 1.
    """
    rows = [
        {"arrangement": key, "id": name, "n": n, "i": i + 1, "right": float(right)}
        for (key, name, n), part in best(run).groupby(["arrangement", "id", "n"], sort=False)
        for i, right in enumerate(np.mean(np.stack(part["correct"].to_list()), axis=0))
    ]
    return pd.DataFrame(rows)


def spread(run: Run) -> pd.DataFrame:
    """Return how far apart one arrangement's outputs are at different positions (I5).

    Columns: arrangement, id, n, difference (largest difference of a logit between an output and
    the first, as a share of the logits' own deviation; mean over texts). With A1 and positions
    that leave the values alone it is zero up to rounding: every position says the same.
    """
    table = run.table
    if "difference" not in table:  # as in runs of old
        return pd.DataFrame()
    groups = table[table["n"] > 1].groupby(["arrangement", "id", "n"], sort=False)
    return groups["difference"].mean().reset_index()


def tables(run: Run) -> dict[str, pd.DataFrame]:
    """Return everything the run adds up to."""
    return {
        "Accuracy over N": summary(run),
        "Right at each position": by_position(run),
        "How far outputs differ between positions": spread(run),
    }


def findings(run: Run) -> list[Finding]:
    """Return what the run says of F1, F2 and I5."""
    found = summary(run)
    return [_two_are_essential(found), _order_matters(found), _why_one_fails(run, found)]


def _two_are_essential(found: pd.DataFrame) -> Finding:
    both = found[(found["n"] >= 4) & found["id"].isin(["A1", "A4", "A5"])]
    longest = both.loc[both["id"] == "A1", "n"].max() if len(both) else None
    at = both[both["n"] == longest]
    ours = at.loc[at["id"] == "A1", "mean"]
    others = at.loc[at["id"] != "A1", ["id", "mean"]]
    if ours.empty or others.empty:
        return Finding("F1", None, "Needs A1 and A4 or A5 at N = 4 or more.")
    top = others.sort_values("mean").iloc[-1]
    return Finding(
        "F1",
        bool(top["mean"] - ours.iloc[0] > 0.5),
        f"At N = {longest} A1 reaches {ours.iloc[0]:.2f} and {top['id']} {top['mean']:.2f}.",
    )


def _order_matters(found: pd.DataFrame) -> Finding:
    longest = found["n"].max()
    at = found[found["n"] == longest].set_index("id")["mean"]
    last, early = at.reindex(["A4", "A5"]).dropna(), at.reindex(["A2", "A3"]).dropna()
    if last.empty or early.empty or longest < 4:
        return Finding("F2", None, "Needs A2 or A3 beside A4 or A5 at N = 4 or more.")
    words = ", ".join(f"{name} {value:.2f}" for name, value in at.items())
    return Finding("F2", bool(last.max() > early.max()), f"At N = {longest}: {words}.")


def _why_one_fails(run: Run, found: pd.DataFrame) -> Finding:
    if not run.header.rotary:
        return Finding("I5", None, "This model's positions change the values: no such bound.")
    alone = found[(found["id"] == "A1") & (found["n"] > 1)]
    apart = spread(run)
    if alone.empty or apart.empty:
        return Finding("I5", None, "Needs A1 at N = 2 or more.")
    difference = float(apart.loc[apart["id"] == "A1", "difference"].max())
    over = float((alone["mean"] - alone["bound"]).max())
    return Finding(
        "I5",
        bool(difference < 1e-2 and over <= 1e-9),
        f"Logits at different positions differ by at most {difference:.1e} of their deviation, "
        f"and A1's accuracy is never above the bound ({alone['mean'].iloc[-1]:.2f} against "
        f"{alone['bound'].iloc[-1]:.2f} at N = {alone['n'].iloc[-1]}).",
    )


EXPERIMENT = Experiment(
    name="arrangements",
    title="Arrangements",
    question=(
        "In which order must e and m be fed so that a whole text comes out? The same texts are "
        "trained in all five arrangements, for longer and longer N."
    ),
    checklist=("E1", "E9"),
    settings=ArrangementsSettings,
    presets={
        MINUTES: {"lengths": (1, 2, 4, 8), "texts": 2, "recipe": SHORT},
        EVENING: {"lengths": (1, 2, 4, 8, 16, 32), "texts": 6},
        PAPER: paper.settings("arrangements"),
    },
    cells=cells,
    protocol=protocol,
    tables=tables,
    findings=findings,
)
