"""What a node carries out: parts of a task that it makes like any other, below its own folder."""

import shutil
from collections.abc import Callable, Generator
from typing import Any

from pydantic import TypeAdapter

from explorer.base.progress import Progress
from explorer.cluster import parts
from explorer.cluster.parts import Files
from explorer.model.pool import ModelPool
from explorer.solutions import sets
from explorer.specs.experiments import Settings
from explorer.specs.jobs import SolveSetSpec
from explorer.tasks.experiments.task import RunTask
from explorer.tasks.landscape.measuring import LandscapePatches
from explorer.tasks.paths.connecting import CurveBatches
from explorer.tasks.sets.building import SetBuilder
from explorer.tasks.task import Divided

SETTINGS: TypeAdapter[Settings] = TypeAdapter(Settings)


class Carried:
    """A task of which this process does the parts that it is given.

    In the task's folders lies what the driver knows, and what the part under way makes of it.

    Attributes:
        task: the task.
    """

    def __init__(self, task: Divided) -> None:
        self.task = task

    def steps(self, key: str, known: Files) -> Generator[Progress, None, None]:
        """Do a part, from its checkpoint if that is among what is known."""
        for folder in (self.task.folder, self.task.scratch):
            shutil.rmtree(folder, ignore_errors=True)  # what another part has left
        parts.write(known)
        self.task.read_again()
        return self.task.part(key)

    def kept(self) -> Files:
        """Return what another node would go on from."""
        return parts.read(self.task.scratch)

    def made(self, known: Files | None = None) -> Files:
        """Return what there is besides what was known, or instead of it."""
        there = parts.read(self.task.folder) | self.kept()
        return {
            name: content
            for name, content in there.items()
            if known is None or known.get(name) != content
        }


def _cells(described: dict[str, Any], pool: ModelPool) -> RunTask:
    """Return a run without cells."""
    settings = SETTINGS.validate_python(described["settings"])
    return RunTask(settings, pool, preset=described["preset"])


def _rows(described: dict[str, Any], pool: ModelPool) -> SetBuilder:
    """Return a set without texts."""
    task = SetBuilder(SolveSetSpec.model_validate(described["spec"]), pool)
    sets.save(task.record)
    return task


def _curves(described: dict[str, Any], pool: ModelPool) -> CurveBatches:
    """Return pairs of which none is connected."""
    return CurveBatches(described["pairs"], described["curve"], described["recipe"], pool)


def _patches(described: dict[str, Any], pool: ModelPool) -> LandscapePatches:
    """Return a plane of which nothing is measured."""
    return LandscapePatches(described["paths"], described["spec"], pool)


CARRIED_OUT: dict[str, Callable[[dict[str, Any], ModelPool], Divided]] = {
    "cells": _cells,
    "rows": _rows,
    "curves": _curves,
    "patches": _patches,
}
"""What makes the task whose parts a division hands out, by the division's kind."""
