"""Sharing (E2, table 2): whether many texts can have one e, or one m, in common.

What counts for F3 (`rules.RULES`): at the largest S_g of which there are enough groups, the best
restart of each text is less than `SHARED_COSTS` below the best of the same text alone, on average
over the texts of a group, in most groups that share e and in most that share m. A group only says
whether it is within that limit: if most cost nothing and few much, six of them tell no mean. The
texts of a group hang together by what they share, so groups are what is counted: six are the
fewest that decide. How many decide at the spread seen stands in the verdict
(`verdicts.deciding`); how many restarts a group needs, from the share of them that hold all of its
texts, stands in the table (`verdicts.restarts`).
"""

from typing import Any

import numpy as np
import pandas as pd

from explorer.base.formatting import counted, plus_minus
from explorer.base.language import later, tr
from explorer.experiments import paper
from explorer.experiments.aggregate import deviation
from explorer.experiments.definition import Experiment, in_words, settings_of, the_same
from explorer.experiments.rules import LEAST, SHARED_COSTS
from explorer.experiments.runs import Cell, Run
from explorer.experiments.verdicts import Finding, judged, part, restarts
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
            title=tr("S_g = {size}, restart {restart}", size=size, restart=restart + 1)
            if size == 1
            else tr(
                "S_g = {size}, shared {vector}, restart {restart}",
                size=size,
                vector=vector,
                restart=restart + 1,
            ),
            at={"shared": vector, "s_g": size, "restart": restart},
        )
        for size in settings.group_sizes
        for restart in range(settings.restarts)
        for vector in ((NOTHING,) if size == 1 else settings.shared)
    ]


def protocol(settings: SharingSettings) -> str:
    """Say what was done."""
    sizes = ", ".join(map(str, settings.group_sizes))
    return tr(
        "{texts} ({source}) of N = {n} in groups of S_g = {sizes} that share {vectors}, {restarts} "
        "of each group",
        texts=the_same(settings.texts),
        source=in_words(settings.source),
        n=settings.length,
        sizes=sizes,
        vectors=tr("e or m") if len(settings.shared) > 1 else settings.shared[0],
        restarts=counted(settings.restarts, "restart"),
    )


def by_line(run: Run) -> pd.DataFrame:
    """Return every measurement under the vector it speaks for; S_g = 1 under each of them."""
    table, vectors = run.table, settings_of(run, SharingSettings).shared
    parts = [table[table["shared"].isin((NOTHING, v))].assign(shared=v) for v in vectors]
    return pd.concat(parts, ignore_index=True)


def summary(run: Run) -> pd.DataFrame:
    """Return the two aggregates of table 2, one row a shared vector and S_g.

    Columns: shared, s_g, best and best_sd (accuracy of each text's best restart, mean and
    population deviation over texts), mean and sd (over all texts and restarts), texts, restarts
    (measured so far), exact (share of texts that a restart says exactly), groups, held (share of
    groups and restarts that hold every text), restarts_needed (for one that does so in 95% of
    groups; missing where none did), paper_best, paper_mean (the paper's values at its own N and
    number of texts; empty at sizes it does not give).
    """
    lines: list[dict[str, Any]] = []
    published = paper.table2()
    for (vector, size), rows in by_line(run).groupby(["shared", "s_g"]):
        accuracy = rows["accuracy"].to_numpy(float)
        of_text = rows.groupby("text")
        held = (rows.groupby(["group", "restart"])["accuracy"].min() >= THRESHOLD).mean()
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
                "restarts": rows["restart"].nunique(),
                "exact": float(of_text["exact"].any().mean()),
                "groups": rows["group"].nunique(),
                "held": float(held),
                "restarts_needed": restarts(float(held)),
                "paper_best": said.get("max", ""),
                "paper_mean": said.get("avg", ""),
            }
        )
    return pd.DataFrame(lines)


def tables(run: Run) -> dict[str, pd.DataFrame]:
    """Return everything the run adds up to."""
    return {later("Accuracy over S_g"): summary(run)}


def findings(run: Run) -> list[Finding]:
    """Return what the run says of F3."""
    asked, found = settings_of(run, SharingSettings), summary(run)
    measured = found[found["restarts"] == asked.restarts]
    if 1 in asked.group_sizes and 1 not in set(measured["s_g"]):  # machines finish in any order
        return [Finding("F3", None, tr("Needs all restarts of each text alone (S_g = 1)."))]
    done = measured[measured["s_g"] > 1]
    whole = [
        s for s in asked.group_sizes if set(done.loc[done["s_g"] == s, "shared"]) == {"e", "m"}
    ]
    sizes = [size for size in whole if asked.texts // size >= LEAST] or whole
    if not sizes:
        needs = tr(
            "Needs all restarts of groups of 2 or more texts, some that share e and some that "
            "share m."
        )
        return [Finding("F3", None, needs)]
    size, lines = sizes[-1], by_line(run)
    best = lines.groupby(["shared", "s_g", "text"])["accuracy"].max()
    alone = best["e", 1] if 1 in asked.group_sizes else 1.0
    kept = {v: (best[v, size] - alone).groupby(lambda text: text // size).mean() for v in "em"}
    words = "; ".join(
        tr(
            "{vector} shared at S_g = {size}: {best} with the best restart of each text, {mean} "
            "over all; {share} of restarts hold {texts}",
            vector=row["shared"],
            size=row["s_g"],
            best=f"{row['best']:.2f}",
            mean=plus_minus(row["mean"], row["sd"]),
            share=f"{row['held']:.0%}",
            texts=counted(row["s_g"], "text"),
        )
        for row in done[done["s_g"].isin({size, done["s_g"].max()})].to_dict("records")
    )
    figure = tr(
        "{each}. {restarts} of each group (paper: 10).",
        each=words,
        restarts=counted(asked.restarts, "restart"),
    )
    within = [part(np.sign(SHARED_COSTS + cost)) for cost in kept.values()]
    return [judged("F3", within, figure)]


EXPERIMENT = Experiment(
    name="sharing",
    title=later("Sharing"),
    question=later(
        "Can many texts have one of their two vectors in common? The same texts are trained in "
        "larger and larger groups that share e, or share m."
    ),
    checklist=("E2",),
    settings=SharingSettings,
    minutes={"group_sizes": (1, 2), "texts": 2, "length": 8},
    evening={"group_sizes": (1, 4, 8, 48), "texts": 48, "length": 8, "restarts": 5},
    paper=paper.settings("sharing"),
    cells=cells,
    grid=("shared", "group_sizes", "restarts"),
    protocol=protocol,
    tables=tables,
    findings=findings,
)
