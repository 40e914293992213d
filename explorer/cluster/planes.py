"""A landscape, divided into patches of its grid, as the driver sees it. Free of torch."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from explorer.base.errors import CorruptFileError
from explorer.base.progress import Progress
from explorer.cluster import parts
from explorer.cluster.parts import Division, Files, Finished, Part
from explorer.landscape import patches
from explorer.landscape.result import Landscape
from explorer.paths.places import LANDSCAPE
from explorer.paths.result import Paths
from explorer.specs.jobs import LandscapeSpec


class PlaneDivision(Division):
    """A grid whose points are measured anywhere, and one file of them here.

    Attributes:
        found: the landscape as it stands; there is none before a node has laid it out.
    """

    kind = "patches"
    precision = "float32"
    found: Landscape

    def __init__(self, paths: Paths, spec: LandscapeSpec, folder: Path) -> None:
        """Name what is asked, and the folder of the file."""
        self._paths, self._spec = paths, spec
        self.model = paths.header.model
        self._file = folder / LANDSCAPE

    @property
    def described(self) -> dict[str, Any]:
        """The paths, and which plane through which of them."""
        return {"paths": self._paths, "spec": self._spec}

    def begin(self, made: Files) -> None:
        """Go on with the file of the same plane, if it is there and whole."""
        with parts.opened(parts.take(made, LANDSCAPE)) as file:
            self.found = Landscape.load(file)
        with suppress(CorruptFileError):
            kept = Landscape.load(self._file)
            if kept.same_plane(self.found):
                self.found = kept

    def left(self) -> Sequence[Part]:
        """Return the patches that are not measured, those of coarse grids first."""
        return [
            Part(name, f"patch {name}")
            for name in patches.names(self._spec.level)
            if not patches.is_measured(self.found, name)
        ]

    def keep(self, part: Part, found: Finished) -> None:
        """Take in a patch."""
        with parts.opened(parts.take(dict(found.files), patches.FILE)) as file:
            self.found = patches.brought_back(self.found, part.key, file)

    def checkpoint(self) -> None:
        """Write the grid as it stands."""
        self.found.save(self._file)

    def progress(self, under_way: dict[str, float], at_once: int) -> Progress:
        """Count the points."""
        done = self.found.measured / self.found.accuracy.size
        return Progress(f"{self.outcome[:-1]}, {at_once} patches at once.", done)

    @property
    def outcome(self) -> str:
        """How many points are measured, and how many a second."""
        return self.found.outcome
