"""How long a run will take: said before it starts, and while it goes on. Free of torch."""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

from explorer.base.formatting import counted
from explorer.base.language import tr
from explorer.estimates import usual_steps
from explorer.estimates.outlook import FORWARD, NOTHING, Expected, about, training
from explorer.estimates.usual_steps import PAIR, SCHEMES, SHARED, Usual
from explorer.experiments.definition import Experiment
from explorer.experiments.runs import Cell, Run
from explorer.runtime import step_times
from explorer.runtime.step_times import StepTime
from explorer.specs.arrangements import AUTO, PAPER_DEFAULT, ArrangementChoice
from explorer.specs.experiments import (
    CapacitySettings,
    ReadoutSettings,
    Settings,
    SharingSettings,
    ThroughputSettings,
    TrainingTimeSettings,
)
from explorer.specs.recipes import INDEPENDENT, Recipe

Look = Callable[..., Usual]
WRITTEN = 9
"""N times so many tokens a context of the read-out generates: its continuation of two N, and N
after each of six starts and after the context itself."""
SENTENCE_MODEL_SECONDS = 8.0
"""To load it, once for a read-out."""


def before(
    experiment: Experiment,
    settings: Settings,
    parameters: int | None,
    step_time: StepTime | None = None,
) -> str:
    """Say how many cells a run has, how long they usually take, and at most.

    Args:
        experiment: what is run.
        settings: with which settings.
        parameters: of the model; None counts as the embedded model's.
        step_time: of this machine, if a step was timed.
    """
    count = len(experiment.cells(settings))
    found = expected(experiment, settings, parameters, step_time)
    how = (
        tr("with a step timed on this machine")
        if step_time
        else tr(
            "on two CPU cores with bfloat16, several times that without it; a GPU is far quicker"
        )
    )
    cells, usual = counted(count, "cell"), about(found.usual)
    if found.most <= 1.1 * found.usual:
        return tr("{cells}: usually about {usual}, {how}.", cells=cells, usual=usual, how=how)
    return tr(
        "{cells}: usually about {usual}, at most {most}, {how}.",
        cells=cells,
        usual=usual,
        most=about(found.most),
        how=how,
    )


def expected(
    experiment: Experiment,
    settings: Settings,
    parameters: int | None,
    step_time: StepTime | None = None,
) -> Expected:
    """Return the seconds of a whole run, as they usually are and at most."""
    step_time, usual = step_time or step_times.assumed(parameters), looked_up()
    cells = [of_cell(settings, cell, step_time, usual) for cell in experiment.cells(settings)]
    return sum([*cells, _texts(settings, step_time)], NOTHING)


def of_cell(settings: Settings, cell: Cell, step_time: StepTime, usual: Look) -> Expected:
    """Return the seconds of one cell, as they usually are and at most.

    Where no case says otherwise, all texts and restarts of the settings are trained side by side,
    in the cell's arrangement and at its N where it has one.
    """

    def trained(texts: float, restarts: int, scheme: str = PAIR, together: float = 1) -> Expected:
        arrangement = str(cell.at.get("arrangement", getattr(settings, "arrangement", AUTO)))
        found = usual(settings.model, arrangement, recipe, n, scheme)
        rest = scheme == PAIR
        return training(
            step_time,
            found,
            recipe,
            length=n,
            texts=texts,
            restarts=restarts,
            rest=rest,
            together=together,
        )

    recipe: Recipe = getattr(settings, "recipe", INDEPENDENT)
    n = int(cell.at.get("n", getattr(settings, "length", 1)))
    match settings:
        case SharingSettings():
            size = int(cell.at["s_g"])
            return trained(settings.texts, 1, PAIR if size == 1 else SHARED, size)
        case TrainingTimeSettings():
            return trained(1, settings.restarts) * settings.texts
        case ReadoutSettings():
            written = WRITTEN * n * step_time.a_generated_token
            return trained(1, settings.restarts) + Expected(written, 2 * written)
        case ThroughputSettings():
            one = n * step_time.a_generated_token + FORWARD * step_time.step_seconds(1, n)
            return Expected((settings.repeats + 1) * one, (settings.repeats + 1) * one)
        case CapacitySettings():
            scheme = SCHEMES.get(str(cell.at["scheme"]), str(cell.at["scheme"]))
            each = 1 if scheme == SHARED else settings.restarts  # rows that share are all needed
            rows = settings.texts * settings.restarts / each
            together = rows if scheme == SHARED else 1
            climbed = rows * _reached(settings, n, scheme, usual)
            reached = trained(climbed, each, scheme, together)
            return Expected(reached.usual, trained(rows, each, scheme).most)
        case _:
            return trained(getattr(settings, "texts", 1), getattr(settings, "restarts", 1))


def _reached(settings: CapacitySettings, n: int, scheme: str, usual: Look) -> float:
    """Return how likely a text's ladder is still climbed at a length.

    `row[k]` is how likely the last k lengths failed and none before them ended it.
    """
    row = [1.0] + [0.0] * (settings.failures - 1)
    for shorter in (k for k in settings.ladder if k < n):
        found = usual(settings.model, settings.arrangement, settings.recipe, shorter, scheme)
        held = found.any_of(settings.restarts)
        row = [held * sum(row), *((1 - held) * before for before in row[:-1])]
    return sum(row)


def _texts(settings: Settings, step_time: StepTime) -> Expected:
    """Return how long the model writes texts of its own before it is trained on them."""
    count: int = getattr(settings, "texts", 0) if "generated" in settings.drawn_from else 0
    written = count * settings.longest * step_time.a_generated_token
    if isinstance(settings, ReadoutSettings):
        written += SENTENCE_MODEL_SECONDS
    return Expected(written, 2 * written)


def step(settings: Settings) -> tuple[int, ArrangementChoice, Recipe]:
    """Return the length, arrangement and recipe whose step is timed for an estimate.

    What trains nothing is estimated by a step of the recipe `independent`.
    """
    arrangement: ArrangementChoice = getattr(settings, "arrangement", PAPER_DEFAULT)
    return settings.longest, arrangement, getattr(settings, "recipe", INDEPENDENT)


def fraction(
    experiment: Experiment, run: Run, under_way: Mapping[str, float] | None = None
) -> float:
    """Return the part of a run that is done, 0 to 1; each cell counts as long as it usually takes.

    Args:
        experiment: what is run.
        run: as it stands; a cell that is left out counts as done.
        under_way: the part done of each cell that is being measured, by key.
    """
    weights = _weights(experiment.cells, run.settings)
    done = under_way or {}
    rest = sum(weights[c.key] * (1 - done.get(c.key, 0.0)) for c in experiment.left(run))
    return round(1 - rest / sum(weights.values()), 9)  # so that no rounding takes it back


def left(experiment: Experiment, run: Run, at_once: int = 1) -> str:
    """Return how long what is left takes at the pace of what is done; empty before the first cell.

    Args:
        experiment: what is run.
        run: as it stands.
        at_once: how many cells are measured side by side; the longest is measured as a whole.
    """
    weights = _weights(experiment.cells, run.settings)
    done = sum(weights.get(cell.key, 0.0) for cell in run.done)
    if not done:
        return ""
    open_ = [weights[cell.key] for cell in experiment.left(run)]
    rest = max(sum(open_) / max(1, at_once), max(open_, default=0.0))
    return about(run.seconds / done * rest) if rest else ""


@lru_cache(maxsize=16)
def _weights(cells: Callable[[Any], list[Cell]], settings: Settings) -> dict[str, float]:
    step_time, usual = step_times.assumed(None), looked_up()
    return {c.key: of_cell(settings, c, step_time, usual).usual or 1e-9 for c in cells(settings)}


def looked_up() -> Look:
    """Return `usual_steps.usual` of what is seen now; for the same arguments it looks once."""
    seen = usual_steps.samples()
    return lru_cache(maxsize=None)(partial(usual_steps.usual, seen=seen))
