"""Measures the cells of every experiment, each by its own module here."""

from explorer.experiments.definition import module_of
from explorer.experiments.runs import Cell
from explorer.specs.experiments import Settings
from explorer.tasks.experiments.bench import Bench, Measuring


def measure(bench: Bench, settings: Settings, cell: Cell) -> Measuring:
    """Measure one cell of a run."""
    module = module_of("explorer.tasks.experiments", settings.experiment)
    measuring: Measuring = module.measure(bench, settings, cell)
    return measuring
