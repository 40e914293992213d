"""Measuring a plane patch by patch, for whoever gathers the patches."""

from collections.abc import Iterator

from explorer.base import folders
from explorer.base.progress import Progress
from explorer.landscape import patches
from explorer.model.pool import ModelPool
from explorer.paths.places import LANDSCAPE
from explorer.paths.result import Paths
from explorer.specs.jobs import LandscapeSpec
from explorer.tasks.landscape import measuring
from explorer.tasks.landscape.measuring import LandscapeTask
from explorer.tasks.task import Divided


class LandscapePatches(LandscapeTask, Divided):
    """Measures patches, in the same passes as a whole landscape; it goes on from nothing."""

    def __init__(self, paths: Paths, spec: LandscapeSpec, pool: ModelPool) -> None:
        """Lay out the plane, and write it with nothing measured.

        Raises:
            BadInputError, MissingAssetError, ModelError: as `LandscapeTask`.
        """
        self.folder = folders.local() / "jobs" / "landscape"
        self.scratch = self.folder / "scratch"
        super().__init__(paths, spec, pool, self.folder)
        self.found.save(self.folder / LANDSCAPE)
        self._timed: set[int] = set()

    def _work(self) -> Iterator[Progress]:
        """Measure a patch; yield after each forward pass."""
        at = patches.points_of(self._part, self.found.header.level)
        level = int(self._part.split(":")[0])
        if level not in self._timed:
            self._timed.add(level)
            self._time_plain()
        self._note(seconds=0.0)
        for start in range(0, len(at), measuring.ROWS):
            self._measure(at[start : start + measuring.ROWS])
            self.inside = min(1.0, (start + measuring.ROWS) / len(at))
            yield self._progress
        self._name_tokens()
        patches.save(self.found, self._part, self.folder / patches.FILE)

    def _checkpoint(self) -> None:
        """Write nothing: a patch takes seconds."""
