"""A run of an experiment, divided into its cells, as the driver sees it. Free of torch."""

import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from explorer.base.errors import CorruptFileError
from explorer.base.progress import Progress
from explorer.cluster import parts
from explorer.cluster.parts import Division, Files, Finished, Part
from explorer.estimates import run_time
from explorer.experiments import cell_locks, runs
from explorer.experiments.catalogue import experiment
from explorer.experiments.nodes import write_nodes
from explorer.experiments.runs import Done, Header, Run
from explorer.experiments.taking_over import take_over
from explorer.specs.experiments import Settings

TEXTS = "texts-*.json"
"""What the model wrote for all cells of a run, below `runs.work_of`."""


class RunDivision(Division):
    """A run whose cells are measured anywhere and kept here.

    Attributes:
        run: as it stands, the same as on the disk; there is none before the first node has said
            what the settings come to with its weights.
    """

    kind = "cells"
    run: Run

    def __init__(self, settings: Settings, preset: str) -> None:
        """Name what is asked."""
        self._settings, self._preset = settings, preset
        self.experiment = experiment(settings.experiment)
        self.model = settings.model
        recipe = getattr(settings, "recipe", None)
        self.precision = recipe.precision if recipe else "auto"

    @property
    def described(self) -> dict[str, Any]:
        """Settings and preset."""
        return {"settings": self._settings, "preset": self._preset}

    def begin(self, made: Files) -> None:
        """Go on with the run of this disk that has these settings and weights, or begin it."""
        header = Header.model_validate_json(parts.take(made, runs.HEADER_FILE))
        folder = runs.folder_of(header.id)
        if not (folder / runs.HEADER_FILE).is_file():
            runs.save_header(header)
        self.run = take_over(self.experiment, runs.load(folder))

    def left(self) -> Sequence[Part]:
        """Return the cells that are not done."""
        self.run = runs.load(self.run.folder)
        return [Part(cell.key, cell.title) for cell in self.experiment.left(self.run)]

    def lock(self, part: Part) -> AbstractContextManager[object] | None:
        """Lock a cell, unless a process of this machine is at it."""
        free = cell_locks.first_free(self.run.header.id, [part.key])
        return None if free is None else free[1]

    def known(self, part: Part) -> Files:
        """Return what is measured, the texts that the model wrote, and the cell's checkpoint.

        What is tried at a length follows from the cells before it.
        """
        folder = runs.work_of(self.run.header.id)
        files = [
            self.run.folder / runs.HEADER_FILE,
            self.run.folder / runs.CELLS_FILE,
            *folder.glob(TEXTS),
            folder / runs.checkpoint_name(part.key),
        ]
        return parts.read_all(file for file in files if file.is_file())

    def keep(self, part: Part, found: Finished) -> None:
        """Enter a cell with its solutions, unless it is done by now."""
        made = dict(found.files)
        *_, newest = parts.take(made, runs.CELLS_FILE).splitlines() or [b""]
        done = Done.model_validate_json(newest)
        if done.key != part.key:
            raise CorruptFileError(f"A node measured {done.key} where {part.key} was asked.")
        if done.key in runs.load(self.run.folder).keys:
            return
        parts.write(made)
        runs.append(self.run.folder, done)
        folder = runs.work_of(self.run.header.id)
        (folder / runs.checkpoint_name(part.key)).unlink(missing_ok=True)

    def progress(self, under_way: dict[str, float], at_once: int) -> Progress:
        """Count the cells, and say how long the rest takes at the pace of what is done."""
        left = run_time.left(self.experiment, self.run, at_once)
        done, open_ = len(self.run.done), len(self.experiment.left(self.run))
        rest = f", about {left} left" if left else ""
        return Progress(
            f"{done} of {done + open_} cells, {len(under_way)} at once{rest}.",
            run_time.fraction(self.experiment, self.run, under_way),
        )

    def note(self, nodes: list[dict[str, Any]], refused: list[str]) -> None:
        """Write who is at work, for the run's page (`experiments.nodes`)."""
        if hasattr(self, "run"):
            write_nodes(self.run.header.id, nodes, refused)

    @property
    def outcome(self) -> str:
        """How many cells there are by now."""
        return f"Cells measured: {len(self.run.done)}."

    def finish(self) -> None:
        """Remove checkpoints and texts: every cell is done."""
        shutil.rmtree(runs.work_of(self.run.header.id), ignore_errors=True)
