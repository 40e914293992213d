"""Makes the runs of experiments that ship: `python -m tools.record_experiments NAME|ID ...`.

By the name of an experiment, a run on the embedded model of the size that is to ship (`SIZES`); by
the id of a run, the same once more, from its own settings and seed. Each is copied to
cache/recorded/experiments/ once it is complete, in place of what shipped with no other cells; run
again after an interruption, it goes on where it was. By its name a run begins with the cells that
ship, where they were measured alike. With `--as-it-is` nothing is measured, and a
run that is not complete is copied beside the others: its page says how many cells are missing.
"""

import argparse
import shutil
import sys
from typing import Any

from explorer.assets import catalog
from explorer.base import folders
from explorer.estimates.deciding import LONGER
from explorer.experiments import runs
from explorer.experiments.catalogue import EXPERIMENTS
from explorer.experiments.definition import EVENING
from explorer.model.frozen import best_device
from explorer.model.pool import ModelPool
from explorer.specs.experiments import Name, Settings
from explorer.specs.recipes import INDEPENDENT, Recipe
from explorer.tasks.experiments.task import RunTask
from tools.record import ship


def short(steps: int) -> Recipe:
    """Return the recipe `independent` with other steps, called so."""
    return INDEPENDENT.model_copy(
        update={"max_steps": steps, "name": f"independent, {steps} steps"}
    )


SIZES: dict[Name, dict[str, Any]] = {
    "sharing": {
        "texts": 24,
        "group_sizes": (1, 4, 24),
        "restarts": 3,
        "recipe": short(300),
    },
    "readout": {"recipe": short(300)},
    **LONGER,
}
"""Changes to the preset `evening`."""


def main() -> int:
    """Record some experiments; return how many are not complete."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME|ID")
    parser.add_argument(
        "--as-it-is", action="store_true", help="measure nothing, copy what there is"
    )
    arguments = parser.parse_args()
    pool, incomplete = ModelPool(best_device()), 0
    for name in arguments.names:
        settings, preset = asked(name)
        if name in EXPERIMENTS:
            _take_up(settings)
        task = RunTask(settings, pool, preset=preset)
        experiment, said = task.experiment, ""
        for progress in () if arguments.as_it_is else task.steps():
            if progress.sentence != said:
                said = progress.sentence
                print(f"{name}: {said}", flush=True)
        run = task.run
        to = folders.recorded() / "experiments"
        if experiment.left(run):
            incomplete += 1
        else:
            for folder in to.glob("*"):
                shipped = runs.load(folder)
                if shipped.settings.experiment == experiment.name and shipped.keys <= run.keys:
                    shutil.rmtree(folder)
        ship(run.folder, to / run.header.id)
        print(experiment.sentence(run), flush=True)
    return incomplete


def _take_up(settings: Settings) -> None:
    """Lay runs that ship beside this machine's, where a larger one finds cells to take over."""
    wanted = {cell.key for cell in EXPERIMENTS[settings.experiment].cells(settings)}
    for folder in runs.run_folders(settings.experiment):
        to = runs.folder_of(folder.name)
        if not to.exists() and not wanted <= runs.load(folder).keys:
            shutil.copytree(folder, to)


def asked(name: str) -> tuple[Settings, str]:
    """Return the settings of a run by the name of its experiment, or as a run that ships has them.

    Raises:
        BadInputError: if it is neither.
    """
    if name in EXPERIMENTS:
        experiment, card = EXPERIMENTS[name], catalog.known_models()[0]
        fields = experiment.preset(EVENING, card).model_dump() | SIZES.get(experiment.name, {})
        return experiment.make(fields), f"{EVENING}, changed" if name in SIZES else EVENING
    header = runs.load(runs.find(name)).header
    return header.settings, header.preset


if __name__ == "__main__":
    sys.exit(main())
