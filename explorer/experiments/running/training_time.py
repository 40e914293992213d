"""Measures a cell of the training time: one text after the other until it is exact (E11)."""

from explorer.experiments.running.bench import Bench, Measuring
from explorer.experiments.runs import Cell
from explorer.experiments.settings import TrainingTimeSettings
from explorer.training import Row


def measure(bench: Bench, settings: TrainingTimeSettings, cell: Cell) -> Measuring:
    """Train the restarts of each text side by side, text by text.

    Texts do not share a batch, so the seconds of one do not depend on how many there are.
    """
    n = int(cell.at["n"])
    found = bench.texts(settings.source, settings.texts, max(settings.lengths), settings.seed)
    rows: list[dict[str, object]] = []
    for k, text in enumerate(found):
        starts = [Row(text.ids[:n], settings.seed + r) for r in range(settings.restarts)]
        training = bench.train(starts, settings.arrangement, settings.recipe, until="first")
        while True:
            try:
                inside = next(training)
            except StopIteration as end:
                outcomes = end.value
                break
            yield (k + inside) / len(found)
        rows += [
            {
                "n": n,
                "text": k,
                "restart": restart,
                "steps": outcome.steps,
                "seconds": outcome.seconds,
                "accuracy": outcome.score.accuracy,
                "exact": outcome.score.exact,
                "solution": bench.keep(outcome, text, settings.arrangement, settings.recipe),
            }
            for restart, outcome in enumerate(outcomes)
        ]
    return rows
