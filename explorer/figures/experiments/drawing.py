"""Which module draws the runs of which experiment."""

from collections.abc import Callable

from explorer.experiments.runs import Run
from explorer.figures.chart import Chart
from explorer.figures.experiments import (
    arrangements,
    capacity,
    readout,
    sharing,
    throughput,
    training_time,
)
from explorer.specs.experiments import Name

_DRAWN: dict[Name, Callable[[Run], list[Chart]]] = {
    "arrangements": arrangements.charts,
    "sharing": sharing.charts,
    "capacity": capacity.charts,
    "throughput": throughput.charts,
    "training-time": training_time.charts,
    "readout": readout.charts,
}


def charts(run: Run) -> list[Chart]:
    """Return the charts of a run, the main one first; none before its first cell is done."""
    return _DRAWN[run.settings.experiment](run) if run.done else []
