"""How long a run will take: said before it starts, and while it goes on. Free of torch."""

from explorer.arrangements import PAPER_DEFAULT, ArrangementChoice
from explorer.experiments.definition import Experiment
from explorer.experiments.runs import Run
from explorer.experiments.settings import Settings
from explorer.formatting import human_seconds
from explorer.recipes import INDEPENDENT, Recipe
from explorer.sets.estimate import FEW, TOKEN_SECONDS


def before(
    experiment: Experiment,
    settings: Settings,
    parameters: int | None,
    token_seconds: float | None = None,
) -> str:
    """Say how many cells a run has and how long they take, at most.

    Args:
        experiment: what is run.
        settings: with which settings.
        parameters: of the model; None counts as the embedded model's.
        token_seconds: measured seconds of a step for each row and target token of a full batch.
    """
    cells = experiment.cells(settings)
    cost = sum(cell.cost for cell in cells)
    if token_seconds is not None:
        most = cost * token_seconds * max(1, FEW / _side_by_side(settings))
        how = "with a step timed on this machine"
    else:
        most = cost * TOKEN_SECONDS * (parameters or 134_515_008)
        how = "on two CPU cores with bfloat16, several times that without it; a GPU is far quicker"
    return f"{len(cells)} cells: about {human_seconds(most / 3)} to {human_seconds(most)} {how}."


def step(settings: Settings) -> tuple[int, ArrangementChoice, Recipe]:
    """Return the length, arrangement and recipe whose step is timed for an estimate.

    What trains nothing is estimated by a step of the recipe `independent`.
    """
    ladder: tuple[int, ...] = getattr(settings, "lengths", getattr(settings, "ladder", (1,)))
    length: int = getattr(settings, "length", max(ladder))
    arrangement: ArrangementChoice = getattr(settings, "arrangement", PAPER_DEFAULT)
    return length, arrangement, getattr(settings, "recipe", INDEPENDENT)


def _side_by_side(settings: Settings) -> int:
    """Return how many rows are trained in one batch; a few take as long as `FEW`."""
    restarts: int = getattr(settings, "restarts", FEW)
    if settings.experiment in ("training-time", "readout"):
        return restarts  # one text after the other
    texts: int = getattr(settings, "texts", 1)
    return texts if settings.experiment == "sharing" else texts * restarts


def left(experiment: Experiment, run: Run) -> str:
    """Say how long what is left takes at the pace of what is done; empty before the first cell."""
    cells = {cell.key: cell for cell in experiment.cells(run.settings)}
    cost = sum(cells[done.key].cost for done in run.done if done.key in cells)
    if not cost:
        return ""
    rest = sum(cell.cost for cell in experiment.left(run))
    return f", about {human_seconds(run.seconds / cost * rest)} left" if rest else ""
