"""Capacity (E3, E4, E10): the longest text that can be held, in one pass and token by token.

What counts as shown is judged in `capacity_findings`. A ladder ends after `failures` lengths in a
row at which a text fails, so that one stuck start does not end it.
"""

import pandas as pd

from explorer.experiments import ladders, paper
from explorer.experiments.capacity_findings import findings
from explorer.experiments.definition import (
    EVENING,
    MINUTES,
    PAPER,
    Experiment,
    best_of,
    in_words,
    settings_of,
)
from explorer.experiments.runs import Cell, Run
from explorer.specs.experiments import LADDER, CapacitySettings
from explorer.specs.recipes import INDEPENDENT, THRESHOLD

SHORT = INDEPENDENT.model_copy(update={"name": "independent, 120 steps", "max_steps": 120})
LONG = INDEPENDENT.model_copy(update={"name": "independent, 1000 steps", "max_steps": 1000})
WORDS = {
    "m free": "e and m of each text and restart",
    "m shared": "one m for all texts and restarts of a length, e of each",
    "one mem": "one memory vector",
    "two mem": "two memory vectors",
}


def cells(settings: CapacitySettings) -> list[Cell]:
    """Return one cell for each source, scheme and length; texts and restarts are its rows."""
    return [
        Cell(
            key=f"{source}-{scheme.replace(' ', '-')}-{n}",
            title=f"{in_words(source)}, {scheme}, N = {n}",
            at={"source": source, "scheme": scheme, "n": n},
        )
        for n in settings.ladder  # all ladders side by side: a part of the grid can be compared
        for scheme in settings.schemes
        for source in settings.sources
    ]


def skip(run: Run, cell: Cell) -> str | None:
    """Say why a length is left out: every text of its ladder failed at a shorter one."""
    if ladders.climbing(run, cell.at["source"], cell.at["scheme"], cell.at["n"]):
        return None
    row = settings_of(run, CapacitySettings).failures
    lengths = "a shorter length" if row == 1 else f"{row} shorter lengths in a row"
    return (
        f"Every text of this ladder failed at {lengths}: no restart reached token accuracy "
        f"{THRESHOLD}."
    )


def protocol(settings: CapacitySettings) -> str:
    """Say what was done."""
    some = "one text" if settings.texts == 1 else f"{settings.texts} texts"
    return (
        f"{some} of each source ({', '.join(in_words(s) for s in settings.sources)}), each longer "
        f"and longer, N = {', '.join(map(str, settings.ladder))}, until its token accuracy in "
        f"float32 is below {THRESHOLD} with {best_of(settings.restarts)}"
        + (f" at {settings.failures} lengths in a row" if settings.failures > 1 else "")
        + "; trained are "
        + ", or ".join(f"{WORDS[s]} ({s})" for s in settings.schemes)
        + "; memory vectors are trained with the true tokens and judged by greedy generation"
        + _first(settings)
    )


def _first(settings: CapacitySettings) -> str:
    """Say what stands first where memory vectors are trained, empty where none are."""
    first = {"mem": ", they stand first", "bos+mem": ", behind [BOS] or what stands in for it"}
    trained = set(settings.schemes) & set(ladders.MEMORIES)
    return first.get(settings.layout, "") if trained else ""


def notes(run: Run) -> list[str]:
    """Return what a reader of the whole page has to know."""
    return [doubt] if (doubt := ladders.doubt(run)) else []


def left_out(run: Run) -> pd.DataFrame:
    """Return the lengths that were left out: source, scheme, n, why."""
    cells_left = [(c, skip(run, c)) for c in cells(settings_of(run, CapacitySettings))]
    return pd.DataFrame([{**c.at, "why": why} for c, why in cells_left if why is not None])


def tables(run: Run) -> dict[str, pd.DataFrame]:
    """Return everything the run adds up to."""
    return {
        "Capacity by source and scheme": ladders.summary(run),
        "Longest prefix of each text": ladders.prefixes(run),
        "One pass against token by token": ladders.pair_means(run),
        "One pass against token by token for each text": ladders.pairs(run),
        "Best over sources": ladders.best(run),
        "Accuracy over N": ladders.rungs(run),
        "Information of the texts": ladders.density(run),
        "Lengths left out": left_out(run),
    }


EXPERIMENT = Experiment(
    name="capacity",
    title="Capacity",
    question=(
        "How long a text can two vectors hold? Texts grow along a ladder of lengths until one "
        "cannot be said any more, in one forward pass and token by token (Kuratov et al.). The "
        "sources are this project's own: Shakespeare is not the paper's PG-19, and the passages "
        "written for this project are not its fan fiction."
    ),
    checklist=("E3", "E4", "E10", "H5", "Q3"),
    settings=CapacitySettings,
    presets={
        MINUTES: {
            "sources": ("unseen",),
            "ladder": (4, 8),
            "texts": 2,
            "restarts": 1,
            "recipe": SHORT,
        },
        EVENING: {"ladder": LADDER[:9], "failures": 2, "recipe": LONG},
        PAPER: paper.settings(
            "capacity",
            sources=("random", "pg19", "generated"),  # no unseen passage has 724 tokens
            texts=10,
            restarts=3,
        ),
    },
    cells=cells,
    protocol=protocol,
    tables=tables,
    findings=findings,
    skip=skip,
    notes=notes,
)
