"""Every experiment by its name. Free of torch."""

from typing import get_args

from explorer.base.errors import BadInputError
from explorer.base.language import tr
from explorer.experiments.definition import Experiment, module_of
from explorer.specs.experiments import Name

EXPERIMENTS: dict[str, Experiment] = {
    name: module_of("explorer.experiments", name).EXPERIMENT for name in get_args(Name)
}


def experiment(name: str) -> Experiment:
    """Return an experiment.

    Raises:
        BadInputError: if there is none of that name.
    """
    if name not in EXPERIMENTS:
        raise BadInputError(
            tr(
                "There is no experiment “{name}”. Choose one of: {names}.",
                name=name[:60],
                names=", ".join(EXPERIMENTS),
            )
        )
    return EXPERIMENTS[name]
