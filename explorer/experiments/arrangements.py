"""Arrangements (E1, table 1): which way of laying out e and m can hold a text at all.

What counts, by text and at the longest N of 4 or more (`rules.RULES`): F1, that A5 (or A4) has more
right than A1, and A1 is not exact; F2, that A5 leads A2, and A3, by more than `rules.LEADS`: equal
orders would be inconclusive for ever without such a margin. The paper's own A3 is as good as its A5
at N = 4 and falls behind by N = 256, so it is long texts that tell. Six texts decide nothing but a
clear difference; how many decide at the spread seen stands in the verdict (`verdicts.deciding`),
and how many restarts leave few texts stuck in the reason beside it (`verdicts.restarts`): three, if
two of three starts of A5 move, as at N = 32 in November 2026.
"""

import numpy as np
import pandas as pd

from explorer.base.formatting import counted
from explorer.base.language import later, tr
from explorer.experiments import paper
from explorer.experiments.aggregate import best_restart, deviation, share_of_starts
from explorer.experiments.definition import (
    Experiment,
    best_of,
    in_words,
    of_lengths,
    settings_of,
    the_same,
)
from explorer.experiments.rules import LEADS
from explorer.experiments.runs import Cell, Run
from explorer.experiments.verdicts import Finding, judged, part, restarts
from explorer.specs.arrangements import ARRANGEMENTS, KEYS
from explorer.specs.experiments import ArrangementsSettings
from explorer.specs.recipes import INDEPENDENT, THRESHOLD

SHORT = INDEPENDENT.model_copy(update={"name": "independent, 300 steps", "max_steps": 300})
LONGER = INDEPENDENT.model_copy(update={"name": "independent, 400 steps", "max_steps": 400})

HALF = 0.5
"""Token accuracy below which a start counts as stuck."""


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
    return tr(
        "{texts} ({source}) for every arrangement and N = {lengths}, {best} of each",
        texts=the_same(settings.texts),
        source=in_words(settings.source),
        lengths=of_lengths(settings.lengths),
        best=best_of(settings.restarts),
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
    known = table[table["n"] > 1].dropna(subset=["difference"])
    groups = known.groupby(["arrangement", "id", "n"], sort=False)
    return groups["difference"].mean().reset_index()


def tables(run: Run) -> dict[str, pd.DataFrame]:
    """Return everything the run adds up to."""
    return {
        later("Accuracy over N"): summary(run),
        later("Right at each position"): by_position(run),
        later("How far outputs differ between positions"): spread(run),
    }


def findings(run: Run) -> list[Finding]:
    """Return what the run says of F1, F2 and I5."""
    return [_two_are_essential(run), _order_matters(run), _why_one_fails(run, summary(run))]


def _longest(run: Run, *names: str) -> tuple[int, pd.DataFrame] | None:
    """Return the longest N, 4 or more, at which all of these were measured.

    With it the best restarts there, one row a text and one column an arrangement's id.
    """
    found = best(run)
    for n in sorted(found.loc[found["n"] >= 4, "n"].unique(), reverse=True):
        wide = found[found["n"] == n].pivot(index="text", columns="id", values="accuracy")
        if set(names) <= set(wide):
            return int(n), wide
    return None


def _two_are_essential(run: Run) -> Finding:
    found, two = _longest(run, "A1", "A5"), "A5"
    if found is None:
        found, two = _longest(run, "A1", "A4"), "A4"
    if found is None:
        return Finding("F1", None, tr("Needs A1 and A4 or A5 at N = 4 or more."))
    n, wide = found
    return judged(
        "F1",
        [part(wide[two] - wide["A1"]), part(THRESHOLD - wide["A1"])],
        tr(
            "At N = {n} A1 reaches {one} and {name} {other}.",
            n=n,
            one=f"{wide['A1'].mean():.2f}",
            name=two,
            other=f"{wide[two].mean():.2f}",
        ),
    )


def _order_matters(run: Run) -> Finding:
    found = _longest(run, "A2", "A3", "A5")
    if found is None:
        return Finding("F2", None, tr("Needs A2 and A3 beside A5 at N = 4 or more."))
    n, wide = found
    words = ", ".join(
        tr("{name} {value}", name=name, value=f"{value:.2f}") for name, value in wide.mean().items()
    )
    return judged(
        "F2",
        [part(wide["A5"] - wide[other] - LEADS) for other in ("A2", "A3")],
        tr("At N = {n}: {each}.", n=n, each=words),
        reason=_what_it_misses(run, n),
    )


def _what_it_misses(run: Run, n: int) -> str:
    """Say which part of A5's errors are starts that never moved, and which its first token."""
    texts = {
        name: np.stack(part["correct"].to_list())
        for name, part in best(run).query("n == @n").groupby("id")
    }
    stuck = texts["A5"].mean(axis=1) < HALF
    most = settings_of(run, ArrangementsSettings).recipe.max_steps
    wanted = restarts(share_of_starts(run.table.query("n == @n and id == 'A5'"), HALF, most))
    each = counted(wanted, "restart") if wanted else ""
    enough = " " + tr("{restarts} would leave one in twenty so.", restarts=each) if wanted else ""
    told = {
        name: correct[correct.mean(axis=1) >= HALF].mean(axis=0)
        for name, correct in texts.items()
        if name in ("A3", "A5") and (correct.mean(axis=1) >= HALF).any()
    }
    words = "; ".join(
        tr(
            "{name} the first in {first}, later ones in {later}",
            name=name,
            first=f"{right[0]:.0%}",
            later=f"{right[1:].mean():.0%}",
        )
        for name, right in told.items()
    )
    texts_told = counted(len(stuck), "text")
    if not stuck.any():
        return tr(
            "With A5, each of {texts} had a restart that gets half of the tokens right. These "
            "tokens are right: {each}.",
            texts=texts_told,
            each=words,
        )
    said = tr(
        "With A5, {stuck} of {texts} had no restart that gets half of the tokens right.{enough}",
        stuck=int(stuck.sum()),
        texts=texts_told,
        enough=enough,
    )
    of_others = tr("Of the others these tokens are right: {each}.", each=words)
    return f"{said} {of_others}" if told else said


def _why_one_fails(run: Run, found: pd.DataFrame) -> Finding:
    if not run.header.rotary:
        said = tr("This model's positions change the values, so there is no such bound.")
        return Finding("I5", None, said)
    alone = found[(found["id"] == "A1") & (found["n"] > 1)]
    apart = spread(run)
    if alone.empty or apart.empty or "A1" not in set(apart["id"]):
        return Finding("I5", None, tr("Needs A1 at N = 2 or more."))
    difference = float(apart.loc[apart["id"] == "A1", "difference"].max())
    over = float((alone["mean"] - alone["bound"]).max())
    return Finding(
        "I5",
        bool(difference < 1e-2 and over <= 1e-9),
        tr(
            "Logits at different positions differ by at most {difference} of their standard "
            "deviation, and A1's accuracy is never above the bound ({mean} against {bound} at "
            "N = {n}).",
            difference=f"{difference:.1e}",
            mean=f"{alone['mean'].iloc[-1]:.2f}",
            bound=f"{alone['bound'].iloc[-1]:.2f}",
            n=alone["n"].iloc[-1],
        ),
    )


EXPERIMENT = Experiment(
    name="arrangements",
    title=later("Arrangements"),
    question=later(
        "How must e and m be ordered so that a whole text comes out? The same texts are trained in "
        "every arrangement, for increasing N."
    ),
    checklist=("E1", "E9"),
    settings=ArrangementsSettings,
    minutes={"lengths": (1, 2, 4, 8), "texts": 2, "recipe": SHORT},
    evening={
        "arrangements": KEYS,
        "lengths": (1, 2, 4, 8, 16, 32, 64),
        "texts": 12,
        "restarts": 4,
        "recipe": LONGER,
    },
    paper=paper.settings("arrangements"),
    cells=cells,
    grid=("arrangements", "lengths"),
    protocol=protocol,
    tables=tables,
    findings=findings,
)
