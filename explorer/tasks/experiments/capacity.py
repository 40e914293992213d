"""Measures a cell of capacity: one length of one source, trained in one way (E3, E4)."""

from collections.abc import Generator

from explorer.experiments import runs
from explorer.experiments.ladders import MEMORIES, climbing
from explorer.experiments.runs import Cell
from explorer.specs.arrangements import settled
from explorer.specs.experiments import CapacitySettings
from explorer.tasks.experiments.bench import Bench, Measuring, TargetText
from explorer.training import Row


def measure(bench: Bench, settings: CapacitySettings, cell: Cell) -> Measuring:
    """Train the texts that still climb at the cell's length and score each in float32.

    A text's seed follows from the restart and the text alone: e starts from the same place in
    every scheme, and so does the first memory vector.

    Raises:
        BadInputError: if a source has too few texts that are as long as the ladder.
    """
    source, scheme, n = str(cell.at["source"]), str(cell.at["scheme"]), int(cell.at["n"])
    found = yield from _texts(bench, settings, source)
    at = [
        (k, restart)
        for k in climbing(runs.load(bench.folder), source, scheme, n)
        for restart in range(settings.restarts)
    ]
    m_key = "m of all texts and restarts" if scheme == "m shared" else None
    rows = [
        Row(found[k].ids[:n], settings.seed + restart * settings.texts + k, m_key=m_key)
        for k, restart in at
    ]
    ended = yield from (
        _memories(bench, settings, rows, [found[k] for k, _ in at], MEMORIES[scheme])
        if scheme in MEMORIES
        else _pairs(bench, settings, rows, [found[k] for k, _ in at], m_key)
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
            **measured,
        }
        for (k, restart), measured in zip(at, ended, strict=True)
    ]


def _texts(
    bench: Bench, settings: CapacitySettings, source: str
) -> Generator[float, None, list[TargetText]]:
    """Return the texts of a source; all others are drawn too, so that a short one is said first."""
    longest = max(settings.ladder)
    for each in settings.sources:
        if each != "generated":
            yield from bench.texts(each, settings.texts, longest, settings.seed)
    return (yield from bench.texts(source, settings.texts, longest, settings.seed))


def _pairs(
    bench: Bench,
    settings: CapacitySettings,
    rows: list[Row],
    texts: list[TargetText],
    m_key: str | None,
) -> Measuring:
    """Train e and m of each row; with a shared m all rows go on until all are exact."""
    key, recipe = settled(settings.arrangement), settings.recipe
    until = "first" if m_key is None else "all"
    outcomes = yield from bench.train(rows, key, recipe, until=until)
    return [
        {
            "accuracy": outcome.score.accuracy,
            "exact": outcome.score.exact,
            "steps": outcome.steps,
            "seconds": outcome.seconds,
            "solution": bench.keep(outcome, text, key, recipe, shared=m_key or ""),
        }
        for outcome, text in zip(outcomes, texts, strict=True)
    ]


def _memories(
    bench: Bench,
    settings: CapacitySettings,
    rows: list[Row],
    texts: list[TargetText],
    count: int,
) -> Measuring:
    """Train memory vectors of each row; what they generate greedily is what counts."""
    sink = bench.sink(settings.layout)
    outcomes = yield from bench.train_memory(rows, count, settings.recipe, sink=sink, until="first")
    return [
        {
            "accuracy": outcome.score.accuracy,
            "exact": outcome.score.exact,
            "steps": outcome.steps,
            "seconds": outcome.seconds,
            "solution": bench.keep_memory(outcome, text, settings.recipe, sink),
        }
        for outcome, text in zip(outcomes, texts, strict=True)
    ]
