"""What a node carries out: parts of a task that it makes like any other, below its own folder."""

from abc import ABC, abstractmethod
from collections.abc import Generator
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from explorer.base.progress import Progress
from explorer.cluster import parts
from explorer.cluster.parts import Files, Finished
from explorer.experiments import runs
from explorer.model.pool import ModelPool
from explorer.solutions import sets
from explorer.specs.experiments import Settings
from explorer.specs.jobs import SolveSetSpec
from explorer.tasks.experiments.task import RunTask
from explorer.tasks.sets.building import SetBuilder
from explorer.tasks.task import SharedTask

SETTINGS: TypeAdapter[Settings] = TypeAdapter(Settings)


class Carried(ABC):
    """A task of which this process does the parts that it is given.

    Attributes:
        task: the task.
    """

    task: SharedTask

    @property
    @abstractmethod
    def said(self) -> dict[str, Any]:
        """What the driver has to know of the task as a whole."""

    @property
    @abstractmethod
    def folders(self) -> tuple[Path, Path]:
        """Where what is made lies, and what a part goes on from."""

    def steps(self, key: str, known: Files) -> Generator[Progress, None, None]:
        """Do a part, from its checkpoint if that is among what is known."""
        for folder in self.folders:
            for file in folder.glob("*"):
                self._clear(file)
        parts.write(known)
        return self.task.part(key)

    def _clear(self, file: Path) -> None:
        """Remove what another part has left."""
        if file.is_file():
            file.unlink()

    def kept(self) -> Files:
        """Return what another node would go on from."""
        return parts.read(self.folders[1])

    @abstractmethod
    def found(self, known: Files) -> Finished:
        """Return what a part has come to.

        Args:
            known: what it began with.
        """


class Cells(Carried):
    """Cells of a run of an experiment."""

    task: RunTask

    def __init__(self, described: dict[str, Any], pool: ModelPool) -> None:
        """Load the model and settle what the settings leave open.

        Raises:
            ExplorerError: as `RunTask` does.
        """
        settings = SETTINGS.validate_python(described["settings"])
        self.task = RunTask(settings, pool, preset=described["preset"], job=described["job"])

    @property
    def said(self) -> dict[str, Any]:
        """The run's header, which says settings and weights."""
        return {"header": self.task.run.header.model_dump(mode="json")}

    @property
    def folders(self) -> tuple[Path, Path]:
        """Of the solutions, and of checkpoints."""
        return self.task.run.folder / runs.SOLUTIONS, runs.work_of(self.task.id)

    def steps(self, key: str, known: Files) -> Generator[Progress, None, None]:
        """Measure a cell; the run has no other here."""
        (self.task.run.folder / runs.CELLS_FILE).unlink(missing_ok=True)
        return super().steps(key, known)

    def found(self, known: Files) -> Finished:
        """Return the cell, and its solutions."""
        (done,) = self.task.run.done
        return Finished({"done": done.model_dump(mode="json")}, parts.read(self.folders[0]))


class Rows(Carried):
    """The texts of a set, its shared m, or a group of its rows."""

    task: SetBuilder

    def __init__(self, described: dict[str, Any], pool: ModelPool) -> None:
        """Load the model, and begin a set without texts.

        Raises:
            ExplorerError: as `SetBuilder` does.
        """
        spec = SolveSetSpec.model_validate(described["spec"])
        self.task = SetBuilder(spec, pool, job=described["job"])

    @property
    def said(self) -> dict[str, Any]:
        """The set's record, which says settings and weights."""
        return {"record": self.task.record.model_dump(mode="json")}

    @property
    def folders(self) -> tuple[Path, Path]:
        """Of the set, and of checkpoints."""
        return self.task.folder, sets.work_of(self.task.id)

    def steps(self, key: str, known: Files) -> Generator[Progress, None, None]:
        """Do a part of the set as far as the driver has it."""
        begun = super().steps(key, known)
        self.task.read_again()
        return begun

    def found(self, known: Files) -> Finished:
        """Return the set's record, new solutions and a learned m."""
        made = parts.read(self.folders[0]) | parts.read(self.folders[1])
        files = {
            name: content
            for name, content in made.items()
            if name not in known and name.endswith(".safetensors") and "crews" not in name
        }
        return Finished({"record": self.task.record.model_dump(mode="json")}, files)


CARRIED_OUT: dict[str, type[Cells] | type[Rows]] = {"cells": Cells, "rows": Rows}
"""What carries out the parts of a division, by its kind."""
