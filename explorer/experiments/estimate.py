"""How long a run will take: said before it starts, and while it goes on. Free of torch."""

from explorer.experiments.definition import Experiment
from explorer.experiments.runs import Run
from explorer.experiments.settings import Settings
from explorer.formatting import human_seconds
from explorer.sets.estimate import TOKEN_SECONDS


def before(experiment: Experiment, settings: Settings, parameters: int | None) -> str:
    """Say how many cells a run has and how long they take, at most.

    Args:
        experiment: what is run.
        settings: with which settings.
        parameters: of the model; None counts as the embedded model's.
    """
    cells = experiment.cells(settings)
    each = TOKEN_SECONDS * (parameters or 134_515_008)
    most = sum(cell.cost for cell in cells) * each
    return (
        f"{len(cells)} cells: about {human_seconds(most / 3)} to {human_seconds(most)} on two CPU "
        "cores with bfloat16, several times that without it; a GPU is far quicker."
    )


def left(experiment: Experiment, run: Run) -> str:
    """Say how long what is left takes at the pace of what is done; empty before the first cell."""
    cells = {cell.key: cell for cell in experiment.cells(run.settings)}
    cost = sum(cells[done.key].cost for done in run.done if done.key in cells)
    if not cost:
        return ""
    rest = sum(cell.cost for cell in experiment.left(run))
    return f", about {human_seconds(run.seconds / cost * rest)} left" if rest else ""
