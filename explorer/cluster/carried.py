"""What a node carries out: parts of a task that it makes like any other, below its own folder."""

import shutil
from collections.abc import Callable, Generator
from typing import Any

from explorer.base.progress import Progress
from explorer.cluster import parts
from explorer.cluster.parts import Files
from explorer.model.pool import ModelPool
from explorer.solutions import sets
from explorer.tasks.experiments.task import RunTask
from explorer.tasks.landscape.measuring import LandscapePatches
from explorer.tasks.paths.connecting import CurveBatches
from explorer.tasks.sets.building import SetBuilder
from explorer.tasks.task import Divided


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


def _rows(described: dict[str, Any], pool: ModelPool) -> SetBuilder:
    """Return a set without texts, which lies on the disk."""
    task = SetBuilder(**described, pool=pool)
    sets.save(task.record)
    return task


CARRIED_OUT: dict[str, Callable[[dict[str, Any], ModelPool], Divided]] = {
    "cells": lambda described, pool: RunTask(**described, pool=pool),
    "rows": _rows,
    "curves": lambda described, pool: CurveBatches(**described, pool=pool),
    "patches": lambda described, pool: LandscapePatches(**described, pool=pool),
}
"""What makes the task whose parts a division hands out, by the division's kind."""
