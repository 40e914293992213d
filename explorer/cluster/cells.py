"""Cells of a run of an experiment, as a node carries them out."""

from typing import Any

from pydantic import TypeAdapter

from explorer.cluster import parts
from explorer.cluster.parts import Files, Finished
from explorer.experiments import runs
from explorer.experiments.runs import Cell
from explorer.model.pool import ModelPool
from explorer.specs.experiments import Settings
from explorer.tasks.experiments.task import CellTask, RunTask

SETTINGS: TypeAdapter[Settings] = TypeAdapter(Settings)


class Cells:
    """A run of which this process measures the cells that it is given."""

    def __init__(self, described: dict[str, Any], pool: ModelPool) -> None:
        """Load the model and settle what the settings leave open.

        Raises:
            ExplorerError: as `RunTask` does.
        """
        settings = SETTINGS.validate_python(described["settings"])
        self._run = RunTask(settings, pool, preset=described["preset"], job=described["job"])
        self._cell: Cell | None = None

    @property
    def said(self) -> dict[str, Any]:
        """What the driver has to know: the run's header, which says settings and weights."""
        return {"header": self._run.run.header.model_dump(mode="json")}

    def clear(self) -> None:
        """Remove what earlier cells have left."""
        header = self._run.run.header
        for folder in (runs.work_of(header.id), self._run.run.folder / runs.SOLUTIONS):
            for file in folder.glob("*"):
                file.unlink()

    def begin(self, asked: dict[str, Any]) -> CellTask:
        """Return the task of a cell, which goes on from its checkpoint if that is here."""
        return CellTask(self._run.bench, self._run.run.settings, Cell.model_validate(asked["cell"]))

    def kept(self) -> Files:
        """Return what another node would go on from."""
        return parts.read(runs.work_of(self._run.run.header.id))

    def found(self, task: CellTask) -> Finished:
        """Return what a cell has come to."""
        solutions = parts.read(self._run.run.folder / runs.SOLUTIONS)
        return Finished({"done": task.done.model_dump(mode="json")}, solutions)
