"""Measures a cell of the training time: one text after the other until it is exact (E11)."""

from explorer.experiments.runs import Cell
from explorer.specs.arrangements import settled
from explorer.specs.experiments import TrainingTimeSettings
from explorer.tasks.experiments.bench import Bench, Measuring
from explorer.training import Row
from explorer.training.layouts import OnePass


def measure(bench: Bench, settings: TrainingTimeSettings, cell: Cell) -> Measuring:
    """Train the restarts of each text side by side, text by text.

    Texts do not share a batch, so the seconds of one do not depend on how many there are.
    `text_seconds` is the compute time of every step until the text's first exact restart (or the
    end of all), those included in which that restart rested; `seconds` and `steps` are its own.
    """
    n, layout = int(cell.at["n"]), OnePass.of(settled(settings.arrangement), bench.model)
    found = yield from bench.texts(
        settings.source, settings.texts, max(settings.lengths), settings.seed
    )
    rows: list[dict[str, object]] = []
    for k, text in enumerate(found):
        starts = [
            Row(text.ids[:n], settings.seed + restart * settings.texts + k)
            for restart in range(settings.restarts)
        ]
        outcomes = yield from bench.train(
            starts, layout, settings.recipe, until="first", part=(k, len(found)), alone=True
        )
        rows += [
            {
                "n": n,
                "text": k,
                "restart": restart,
                "text_seconds": bench.work.spent,
                **bench.keep(outcome, text, layout, settings.recipe),
            }
            for restart, outcome in enumerate(outcomes)
        ]
    return rows
