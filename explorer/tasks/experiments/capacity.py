"""Measures a cell of capacity: one length of one source, trained in one way (E3, E4)."""

from collections.abc import Generator
from typing import Any

from explorer.experiments import runs
from explorer.experiments.ladders import MEMORIES, climbing
from explorer.experiments.runs import Cell
from explorer.specs.arrangements import settled
from explorer.specs.experiments import CapacitySettings
from explorer.tasks.experiments.bench import Bench, Measuring, TargetText
from explorer.training import Row
from explorer.training.layouts import Layout, OnePass, TeacherForced
from explorer.training.probing import probed


def measure(bench: Bench, settings: CapacitySettings, cell: Cell) -> Measuring:
    """Train the texts that still climb at the cell's length and score each in float32.

    A text's seed follows from the restart and the text alone: e starts from the same place in
    every scheme, and so does the first memory vector. With a shared m all rows train until all are
    exact; elsewhere a text ends with its first exact restart. Of memory vectors, what they
    generate greedily is what counts.

    Raises:
        BadInputError: if a source has too few texts that are as long as the ladder.
    """
    source, scheme, n = str(cell.at["source"]), str(cell.at["scheme"]), int(cell.at["n"])
    tried = climbing(runs.load(bench.folder), source, scheme, n)  # others go on while texts come
    found = yield from _texts(bench, settings, source)
    at = [(k, restart) for k in tried for restart in range(settings.restarts)]
    m_key = "m of all texts and restarts" if scheme == "m shared" else None
    rows = [
        Row(found[k].ids[:n], settings.seed + restart * settings.texts + k, m_key=m_key, text=k)
        for k, restart in at
    ]
    layout = _layout(bench, settings, scheme)
    outcomes = yield from bench.train(
        rows, layout, settings.recipe, until="all" if m_key else "first"
    )
    return [
        {
            "source": source,
            "scheme": scheme,
            "n": n,
            "text": k,
            "restart": restart,
            "layout": settings.layout if scheme in MEMORIES else settings.arrangement,
            "h_lm": bench.h_lm(found[k].ids[:n])[0],
            **bench.keep(outcome, found[k], layout, settings.recipe, shared=m_key or ""),
        }
        for (k, restart), outcome in zip(at, outcomes, strict=True)
    ]


def _layout(bench: Bench, settings: CapacitySettings, scheme: str) -> Layout[Any]:
    """Return what a scheme trains: e and m, or memory vectors, behind a token if so laid out."""
    if scheme not in MEMORIES:
        return OnePass.of(settled(settings.arrangement), bench.model)
    behind = settings.layout == "bos+mem"
    sink = probed(bench.model, lambda: bench.exact).sink if behind else None
    return TeacherForced(MEMORIES[scheme], sink)


def _texts(
    bench: Bench, settings: CapacitySettings, source: str
) -> Generator[float, None, list[TargetText]]:
    """Return the texts of a source; all others are drawn too, so that a short one is said first."""
    longest = max(settings.ladder)
    for each in settings.sources:
        if each != "generated":
            yield from bench.texts(each, settings.texts, longest, settings.seed)
    return (yield from bench.texts(source, settings.texts, longest, settings.seed))
