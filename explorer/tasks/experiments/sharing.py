"""Measures a cell of sharing: all groups of one size and restart, side by side (E2)."""

from explorer.experiments.runs import Cell
from explorer.specs.arrangements import settled
from explorer.specs.experiments import SharingSettings
from explorer.tasks.experiments.bench import Bench, Measuring
from explorer.training import Row
from explorer.training.layouts import OnePass


def measure(bench: Bench, settings: SharingSettings, cell: Cell) -> Measuring:
    """Train the cell's groups jointly and score each text in float32.

    A text's seed follows from the restart and the text alone: its own vector starts from the same
    place whatever it shares, and a shared vector starts from the group's first text's seed.
    """
    vector: str = cell.at["shared"]
    size, restart = int(cell.at["s_g"]), int(cell.at["restart"])
    layout, recipe = OnePass.of(settled(settings.arrangement), bench.model), settings.recipe
    found = yield from bench.texts(settings.source, settings.texts, settings.length, settings.seed)
    groups = [f"{vector} of group {k // size} of {size}" for k in range(len(found))]
    rows = [
        Row(
            text.ids,
            settings.seed + restart * settings.texts + k,
            e_key=groups[k] if vector == "e" else None,
            m_key=groups[k] if vector == "m" else None,
        )
        for k, text in enumerate(found)
    ]
    outcomes = yield from bench.train(rows, layout, recipe)
    return [
        {
            "shared": vector,
            "s_g": size,
            "group": k // size,
            "text": k,
            "restart": restart,
            **bench.keep(outcome, found[k], layout, recipe, shared="" if size == 1 else groups[k]),
        }
        for k, outcome in enumerate(outcomes)
    ]
