"""Sharing (E2, table 2): whether many texts can have one e, or one m, in common."""

from typing import Any

import pandas as pd

from explorer.base.formatting import plus_minus
from explorer.experiments import paper
from explorer.experiments.aggregate import deviation
from explorer.experiments.definition import (
    EVENING,
    MINUTES,
    PAPER,
    Experiment,
    Finding,
    in_words,
    settings_of,
    the_same,
)
from explorer.experiments.runs import Cell, Run
from explorer.specs.experiments import SharingSettings
from explorer.specs.recipes import THRESHOLD

NOTHING = "nothing"
"""What a group of one text shares: the same measurement stands for e and for m."""


def cells(settings: SharingSettings) -> list[Cell]:
    """Return one cell for each S_g, restart and shared vector; all groups are its rows.

    A group of one text shares nothing, so S_g = 1 is measured once a restart.
    """
    return [
        Cell(
            key=f"1-{restart}" if size == 1 else f"{vector}-{size}-{restart}",
            title=f"S_g = {size}, "
            + ("" if size == 1 else f"shared {vector}, ")
            + f"restart {restart + 1}",
            at={"shared": vector, "s_g": size, "restart": restart},
        )
        for size in settings.group_sizes
        for restart in range(settings.restarts)
        for vector in ((NOTHING,) if size == 1 else settings.shared)
    ]


def protocol(settings: SharingSettings) -> str:
    """Say what was done."""
    sizes = ", ".join(map(str, settings.group_sizes))
    return (
        f"{the_same(settings.texts)} ({in_words(settings.source)}) of N = {settings.length} "
        f"in groups of S_g = {sizes} that share {' or '.join(settings.shared)}, "
        f"{settings.restarts} restarts of each group"
    )


def by_line(run: Run) -> pd.DataFrame:
    """Return every measurement under the vector it speaks for; S_g = 1 under each of them."""
    table = run.table
    alone = table[table["shared"] == NOTHING]
    return pd.concat(
        [
            part
            for vector in settings_of(run, SharingSettings).shared
            for part in (alone.assign(shared=vector), table[table["shared"] == vector])
            if len(part)
        ],
        ignore_index=True,
    )


def summary(run: Run) -> pd.DataFrame:
    """Return the two aggregates of table 2, one row a shared vector and S_g.

    Columns: shared, s_g, best and best_sd (accuracy of each text's best restart, mean and
    population deviation over texts), mean and sd (over all texts and restarts), texts, restarts
    (measured so far), exact (share of texts that a restart says exactly), paper_best, paper_mean
    (the paper's values at its own N and number of texts; empty at sizes it does not give).
    """
    lines: list[dict[str, Any]] = []
    published = paper.table2()
    for (vector, size), part in by_line(run).groupby(["shared", "s_g"]):
        accuracy = part["accuracy"].to_numpy(float)
        of_text = part.groupby("text")
        best = of_text["accuracy"].max().to_numpy(float)
        of_paper = published.loc[(published["shared"] == vector) & (published["s_g"] == size)]
        said = {r["aggregate"]: plus_minus(r["mean"], r["sd"]) for _, r in of_paper.iterrows()}
        lines.append(
            {
                "shared": vector,
                "s_g": size,
                "best": float(best.mean()),
                "best_sd": deviation(best),
                "mean": float(accuracy.mean()),
                "sd": deviation(accuracy),
                "texts": len(best),
                "restarts": part["restart"].nunique(),
                "exact": float(of_text["exact"].any().mean()),
                "paper_best": said.get("max", ""),
                "paper_mean": said.get("avg", ""),
            }
        )
    return pd.DataFrame(lines)


def tables(run: Run) -> dict[str, pd.DataFrame]:
    """Return everything the run adds up to."""
    return {"Accuracy over S_g": summary(run)}


def findings(run: Run) -> list[Finding]:
    """Return what the run says of F3."""
    found = summary(run)
    whole = settings_of(run, SharingSettings).restarts
    done = found[(found["s_g"] > 1) & (found["restarts"] == whole)]
    if done.empty:
        return [Finding("F3", None, "Needs all restarts of a group of 2 or more texts.")]
    top = done.loc[done.groupby("shared")["s_g"].idxmax()]
    words = "; ".join(
        f"shared {row['shared']} at S_g = {row['s_g']}: {row['best']:.2f} with the best restart of "
        f"each text, {plus_minus(row['mean'], row['sd'])} over all"
        for row in top.to_dict("records")
    )
    held = bool((top["best"] >= THRESHOLD).all())
    shown = None if held and len(top) < 2 else held
    words = f"{words[0].upper()}{words[1:]}. Restarts of each group: {whole} (the paper: 10)."
    return [Finding("F3", shown, words)]


EXPERIMENT = Experiment(
    name="sharing",
    title="Sharing",
    question=(
        "Can many texts have one of their two vectors in common? The same texts are trained in "
        "larger and larger groups that share e, or share m."
    ),
    checklist=("E2",),
    settings=SharingSettings,
    presets={
        MINUTES: {"group_sizes": (1, 2), "texts": 2, "length": 8},
        EVENING: {},
        PAPER: paper.settings("sharing"),
    },
    cells=cells,
    protocol=protocol,
    tables=tables,
    findings=findings,
)
