"""Cells of a run of an experiment, as a node carries them out."""

from collections.abc import Generator
from typing import Any

from pydantic import TypeAdapter

from explorer.base.progress import Progress
from explorer.cluster import parts
from explorer.cluster.parts import Files, Finished
from explorer.experiments import runs
from explorer.model.pool import ModelPool
from explorer.specs.experiments import Settings
from explorer.tasks.experiments.task import RunTask

SETTINGS: TypeAdapter[Settings] = TypeAdapter(Settings)


class Cells:
    """A run of which this process measures the cells that it is given."""

    def __init__(self, described: dict[str, Any], pool: ModelPool) -> None:
        """Load the model and settle what the settings leave open.

        Raises:
            ExplorerError: as `RunTask` does.
        """
        settings = SETTINGS.validate_python(described["settings"])
        self._task = RunTask(settings, pool, preset=described["preset"], job=described["job"])

    @property
    def said(self) -> dict[str, Any]:
        """What the driver has to know: the run's header, which says settings and weights."""
        return {"header": self._task.run.header.model_dump(mode="json")}

    @property
    def inside(self) -> float:
        """How much of the cell under way is done, 0 to 1."""
        return self._task.inside

    def steps(self, key: str, known: Files) -> Generator[Progress, None, None]:
        """Measure a cell, from its checkpoint if that is among what is known."""
        run = self._task.run
        for folder in (runs.work_of(run.header.id), run.folder / runs.SOLUTIONS):
            for file in folder.glob("*"):
                file.unlink()
        (run.folder / runs.CELLS_FILE).unlink(missing_ok=True)
        parts.write(known)
        return self._task.part(key)

    def kept(self) -> Files:
        """Return what another node would go on from."""
        return parts.read(runs.work_of(self._task.id))

    def found(self) -> Finished:
        """Return what the cell has come to."""
        (done,) = self._task.run.done
        solutions = parts.read(self._task.run.folder / runs.SOLUTIONS)
        return Finished({"done": done.model_dump(mode="json")}, solutions)
