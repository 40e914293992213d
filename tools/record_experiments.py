"""Makes the runs of experiments that ship: `python -m tools.record_experiments [NAME ...]`.

Each is an ordinary run on the embedded model, copied to cache/recorded/experiments/ when it is
complete; run again after an interruption, it goes on where it was.
"""

import argparse
import shutil
import sys

from explorer import catalog, folders
from explorer.experiments.catalogue import EXPERIMENTS
from explorer.experiments.definition import PRESETS
from explorer.experiments.running.task import RunTask
from explorer.models import best_device
from explorer.pool import ModelPool


def main() -> int:
    """Record some experiments, or all; return how many are not complete."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *EXPERIMENTS])
    parser.add_argument("--preset", choices=list(PRESETS), default="evening")
    arguments = parser.parse_args()
    pool, card = ModelPool(best_device()), catalog.known_models()[0]
    incomplete = 0
    for name in arguments.names or list(EXPERIMENTS):
        experiment = EXPERIMENTS[name]
        settings = experiment.preset(arguments.preset, card)
        task = RunTask(settings, pool, preset=arguments.preset)
        said = ""
        for progress in task.steps():
            if progress.sentence != said:
                said = progress.sentence
                print(f"{name}: {said}", flush=True)
        if experiment.left(task.run):
            incomplete += 1
            continue
        to = folders.recorded() / "experiments" / task.run.header.id
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(task.run.folder, to)
        print(experiment.sentence(task.run), flush=True)
    return incomplete


if __name__ == "__main__":
    sys.exit(main())
