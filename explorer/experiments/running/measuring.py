"""Which module measures the cells of which experiment."""

from explorer.experiments.running import arrangements, sharing
from explorer.experiments.running.bench import Bench, Measuring
from explorer.experiments.runs import Cell
from explorer.experiments.settings import ArrangementsSettings, Settings, SharingSettings


def measure(bench: Bench, settings: Settings, cell: Cell) -> Measuring:
    """Measure one cell of a run."""
    match settings:
        case ArrangementsSettings():
            return arrangements.measure(bench, settings, cell)
        case SharingSettings():
            return sharing.measure(bench, settings, cell)
        case _:
            raise NotImplementedError(settings.experiment)
