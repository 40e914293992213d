"""Makes the runs of experiments that ship: `python -m tools.record_experiments [NAME ...]`.

Each is an ordinary run on the embedded model, of a size that two cores measure in minutes, copied
to cache/recorded/experiments/; run again after an interruption, it goes on where it was. With
`--as-it-is` a run that is not complete is copied too: its page says how many cells are missing.
"""

import argparse
import sys
from typing import Any

from explorer.assets import catalog
from explorer.base import folders
from explorer.experiments.catalogue import EXPERIMENTS
from explorer.experiments.definition import EVENING
from explorer.model.frozen import best_device
from explorer.model.pool import ModelPool
from explorer.specs.experiments import LADDER
from explorer.specs.recipes import INDEPENDENT, Recipe
from explorer.tasks.experiments.task import RunTask
from tools.record import ship


def short(steps: int) -> Recipe:
    """Return the recipe `independent` with other steps, called so."""
    return INDEPENDENT.model_copy(
        update={"max_steps": steps, "name": f"independent, {steps} steps"}
    )


SIZES: dict[str, dict[str, Any]] = {
    "arrangements": {"recipe": short(200)},
    "sharing": {"length": 8, "recipe": short(200)},
    "capacity": {"recipe": short(1000), "ladder": LADDER[:9]},
    "training-time": {"texts": 1, "recipe": short(200)},
    "readout": {"recipe": short(200)},
}
"""Changes to the preset `evening`, where that takes more than minutes."""


def main() -> int:
    """Record some experiments, or all; return how many are not complete."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *EXPERIMENTS])
    parser.add_argument(
        "--as-it-is", action="store_true", help="measure nothing, copy what there is"
    )
    arguments = parser.parse_args()
    pool, card = ModelPool(best_device()), catalog.known_models()[0]
    incomplete = 0
    for name in arguments.names or list(EXPERIMENTS):
        experiment = EXPERIMENTS[name]
        fields = experiment.preset(EVENING, card).model_dump() | SIZES.get(name, {})
        task = RunTask(experiment.make(fields), pool, preset=f"{EVENING}, changed")
        said = ""
        for progress in () if arguments.as_it_is else task.steps():
            if progress.sentence != said:
                said = progress.sentence
                print(f"{name}: {said}", flush=True)
        if experiment.left(task.run):
            incomplete += 1
        ship(task.run.folder, folders.recorded() / "experiments" / task.run.header.id)
        print(experiment.sentence(task.run), flush=True)
    return incomplete


if __name__ == "__main__":
    sys.exit(main())
