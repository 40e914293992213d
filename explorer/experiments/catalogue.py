"""Every experiment by its name. Free of torch."""

from explorer.base.errors import BadInputError
from explorer.experiments import (
    arrangements,
    capacity,
    readout,
    sharing,
    throughput,
    training_time,
)
from explorer.experiments.definition import Experiment

EXPERIMENTS: dict[str, Experiment] = {
    module.EXPERIMENT.name: module.EXPERIMENT
    for module in (arrangements, sharing, capacity, throughput, training_time, readout)
}


def experiment(name: str) -> Experiment:
    """Return an experiment.

    Raises:
        BadInputError: if there is none of that name.
    """
    if name not in EXPERIMENTS:
        raise BadInputError(
            f"There is no experiment “{name[:60]}”. Choose one of: {', '.join(EXPERIMENTS)}."
        )
    return EXPERIMENTS[name]
