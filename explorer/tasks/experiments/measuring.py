"""Which module measures the cells of which experiment."""

from explorer.base.errors import BadInputError
from explorer.experiments.runs import Cell
from explorer.specs.experiments import (
    ArrangementsSettings,
    CapacitySettings,
    ReadoutSettings,
    Settings,
    SharingSettings,
    ThroughputSettings,
    TrainingTimeSettings,
)
from explorer.tasks.experiments import (
    arrangements,
    capacity,
    readout,
    sharing,
    throughput,
    training_time,
)
from explorer.tasks.experiments.bench import Bench, Measuring


def measure(bench: Bench, settings: Settings, cell: Cell) -> Measuring:
    """Measure one cell of a run.

    Raises:
        BadInputError: if this version cannot measure that experiment.
    """
    match settings:
        case ArrangementsSettings():
            return arrangements.measure(bench, settings, cell)
        case SharingSettings():
            return sharing.measure(bench, settings, cell)
        case CapacitySettings():
            return capacity.measure(bench, settings, cell)
        case ThroughputSettings():
            return throughput.measure(bench, settings, cell)
        case TrainingTimeSettings():
            return training_time.measure(bench, settings, cell)
        case ReadoutSettings():
            return readout.measure(bench, settings, cell)
        case _:
            raise BadInputError(
                f"The experiment “{settings.experiment}” cannot be run by this version."
            )
