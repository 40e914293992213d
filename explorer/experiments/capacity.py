"""Capacity (E3, E4, E10): the longest text that can be held, in one pass and token by token.

What counts as shown is judged in `capacity_findings`. A ladder ends after `failures` lengths in a
row at which a text fails, so that one stuck start does not end it.
"""

from collections.abc import Iterator

import pandas as pd

from explorer.base.formatting import counted
from explorer.base.language import later, tr
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
    "m free": later("e and m of each text and restart"),
    "m shared": later("one m for all texts and restarts of a length, e of each"),
    "one mem": later("one memory vector"),
    "two mem": later("two memory vectors"),
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
    return (
        tr(
            "Every text of this ladder failed at {lengths} in a row: no restart reached token "
            "accuracy {threshold}.",
            lengths=counted(row, "shorter length"),
            threshold=THRESHOLD,
        )
        if row > 1
        else tr(
            "Every text of this ladder failed at a shorter length: no restart reached token "
            "accuracy {threshold}.",
            threshold=THRESHOLD,
        )
    )


def protocol(settings: CapacitySettings) -> str:
    """Say what was done."""
    told = {
        "texts": counted(settings.texts, "text"),
        "sources": ", ".join(in_words(source) for source in settings.sources),
        "lengths": ", ".join(map(str, settings.ladder)),
        "threshold": THRESHOLD,
        "best": best_of(settings.restarts),
    }
    row = settings.failures
    said = (
        tr(
            "{texts} of each source ({sources}), tried at N = {lengths} until token accuracy in "
            "float32 is below {threshold} with {best} at {row} lengths in a row",
            row=row,
            **told,
        )
        if row > 1
        else tr(
            "{texts} of each source ({sources}), tried at N = {lengths} until token accuracy in "
            "float32 is below {threshold} with {best}",
            **told,
        )
    )
    trained = ", ".join(f"{tr(WORDS[scheme])} ({scheme})" for scheme in settings.schemes)
    return "; ".join([said, tr("trained: {vectors}", vectors=trained), *_memories(settings)])


def _memories(settings: CapacitySettings) -> Iterator[str]:
    """Say how memory vectors are trained, and what stands first; nothing where none are."""
    if set(settings.schemes) & set(ladders.MEMORIES):
        yield tr("memory vectors are trained with the true tokens and judged by greedy generation")
        if settings.layout == "mem":
            yield tr("they stand first")
        elif settings.layout == "bos+mem":
            yield tr("they stand after [BOS] or the token that replaces it")


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
        later("Capacity by source and scheme"): ladders.summary(run),
        later("Longest prefix of each text"): ladders.prefixes(run),
        later("One pass against token by token"): ladders.pair_means(run),
        later("One pass against token by token for each text"): ladders.pairs(run),
        later("Best over sources"): ladders.best(run),
        later("Accuracy over N"): ladders.rungs(run),
        later("Information of the texts"): ladders.density(run),
        later("Lengths left out"): left_out(run),
    }


EXPERIMENT = Experiment(
    name="capacity",
    title=later("Capacity"),
    question=later(
        "How long a text can two vectors hold? Texts grow along a ladder of lengths until one can "
        "no longer be output, in one forward pass and token by token (Kuratov et al.). The sources "
        "are this project's own: Shakespeare is not the paper's PG-19, and the passages written "
        "for this project are not its fan fiction."
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
