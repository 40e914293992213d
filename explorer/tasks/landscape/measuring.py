"""Measuring a plane, coarse grid first, or patch by patch for whoever gathers the patches."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from explorer.base import folders
from explorer.base.errors import BadInputError, CorruptFileError
from explorer.base.files import say_kept
from explorer.base.language import tr
from explorer.base.progress import Progress
from explorer.base.provenance import gone_on
from explorer.landscape import patches
from explorer.landscape.plane import COARSEST, Plane, axes_around
from explorer.landscape.result import Landscape, LandscapeHeader
from explorer.model.frozen import FrozenModel
from explorer.model.pool import ModelPool
from explorer.paths.curves import positions
from explorer.paths.places import LANDSCAPE
from explorer.paths.result import Paths, Profile
from explorer.runtime.interruption import Interrupted, abandonable
from explorer.solutions.solution import now
from explorer.specs.arrangements import input_length
from explorer.specs.jobs import LandscapeSpec
from explorer.tasks.paths.bends import along, as_profile
from explorer.tasks.task import Divided, Task

ROWS = 64
"""Grid points in one forward pass."""
PLAIN_ROWS, PLAIN_POSITIONS = 32, 2_048
"""Rows of the plain forward pass that the rate is compared with, or positions of a longer text's:
all their logits exist at one time, 0.4 GB of the embedded model's."""


class LandscapeTask(Task):
    """Measures the grid of a plane level by level; each level adds the points in between.

    Attributes:
        found: what has been measured so far.
        resumed: whether it goes on from a checkpoint.
    """

    def __init__(
        self,
        paths: Paths,
        spec: LandscapeSpec,
        pool: ModelPool,
        folder: Path,
        job: str | None = None,
    ) -> None:
        """Lay out the plane, load the model, and go on from a checkpoint if there is one.

        Args:
            paths: holds the solutions and the trained curve.
            spec: which pair, how fine.
            pool: where models come from.
            folder: for the file, which others may read while it runs.
            job: the job's id, None on the command line.

        Raises:
            BadInputError: if there is no such pair, or its control point lies on the chord.
            MissingAssetError: if the model is not on this disk.
            ModelError: if it cannot be loaded, or has other weights than the solutions'.
        """
        if spec.pair >= len(paths):
            raise BadInputError(
                tr(
                    "There is no pair {pair}: these paths have pairs 0 to {last}.",
                    pair=spec.pair,
                    last=len(paths) - 1,
                )
            )
        self._file = folder / LANDSCAPE
        self.model = pool.of_weights(paths.header.model, paths.header.fingerprint)
        self.found = _lay_out(paths, spec, self.model, job)
        self._targets = torch.tensor(self.found.header.text.target_ids)
        self._plain_rows, self._plain_seconds = 0, 0.0
        self.resumed = self._restore()

    @property
    def _progress(self) -> Progress:
        return Progress(self.outcome, self.found.measured / self.found.accuracy.size)

    @property
    def outcome(self) -> str:
        """How many points are measured, and how many a second."""
        return self.found.outcome

    def _work(self) -> Iterator[Progress]:
        """Measure every level; yield after each forward pass."""
        for level in range(COARSEST, self.found.header.level + 1):
            if len(self._missing(level)):
                self._time_plain()
                yield self._progress
            while len(missing := self._missing(level)):
                with contextlib.suppress(Interrupted), abandonable():
                    self._measure(missing[:ROWS])
                yield self._progress
            if level > self.found.header.reached:
                self._note(reached=level)
                self._checkpoint()

    def _missing(self, level: int) -> NDArray[np.int64]:
        """Return row and column of the points of a level that are not measured yet."""
        stride = 2 ** (self.found.header.level - level)
        wanted = np.zeros_like(self.found.accuracy, dtype=bool)
        wanted[::stride, ::stride] = True
        return np.argwhere(wanted & np.isnan(self.found.accuracy))

    def _measure(self, at: NDArray[np.int64]) -> None:
        found, started = self.found, time.perf_counter()
        plane = Plane(found.origin, found.along, found.across)
        rows, columns = at.T
        points = plane.points(np.stack([found.x[columns], found.y[rows]], axis=1))
        header = found.header
        said = along(self.model, points, self._targets, header.arrangement, header.sink)
        profile = as_profile(said)
        for name in ("accuracy", "loss", "predicted", "p", "rank"):
            getattr(found, name)[rows, columns] = getattr(profile, name)
        seconds = found.header.seconds + time.perf_counter() - started
        self._note(seconds=seconds, points_per_second=found.measured / max(seconds, 1e-9))

    def _time_plain(self) -> None:
        """Time the model's plain forward pass on rows of the same length, once for each level.

        Spread over the run, so that whatever else the machine does slows both rates alike.
        """
        header = self.found.header
        length = input_length(header.arrangement, len(header.text.target_ids))
        e = torch.from_numpy(self.found.points[0, : self.model.d_model]).to(self.model.device)
        rows = max(1, min(PLAIN_ROWS, PLAIN_POSITIONS // length))
        inputs = e.expand(rows, length, -1)
        with torch.no_grad():
            if not self._plain_rows:
                self.model.logits(inputs)[:, -1].sum().item()  # warm, and over on a GPU too
            started = time.perf_counter()
            self.model.logits(inputs)[:, -1].sum().item()
        self._plain_seconds += time.perf_counter() - started
        self._plain_rows += rows
        self._note(plain_per_second=self._plain_rows / max(self._plain_seconds, 1e-9))

    def _note(self, **fields: Any) -> None:
        header = self.found.header.model_copy(update=fields)
        self.found = replace(self.found, header=header)

    def _checkpoint(self) -> None:
        self._name_tokens()
        self.found.save(self._file)
        say_kept()

    def _name_tokens(self) -> None:
        """Note what every token that occurs says, so that pages need no tokenizer."""
        ids = np.union1d(self.found.predicted, self.found.header.text.target_ids).tolist()
        new = sorted(set(ids) - self.found.header.pieces.keys())
        said = dict(zip(new, self.model.tokenizer.pieces(new), strict=True))
        self._note(pieces=self.found.header.pieces | said)

    def _restore(self) -> bool:
        with contextlib.suppress(CorruptFileError):
            kept = Landscape.load(self._file)
            if kept.same_plane(self.found):
                self.found = kept
                if kept.header.reached < kept.header.level:
                    self._note(**gone_on(kept.header, device=self.model.device.type))
                return True
        return False


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
        for start in range(0, len(at), ROWS):
            self._measure(at[start : start + ROWS])
            self.inside = min(1.0, (start + ROWS) / len(at))
            yield self._progress
        self._name_tokens()
        patches.save(self.found, self._part, self.folder / patches.FILE)

    def _checkpoint(self) -> None:
        """Write nothing: a patch takes seconds."""


def _lay_out(paths: Paths, spec: LandscapeSpec, model: FrozenModel, job: str | None) -> Landscape:
    points = paths.points(spec.pair)
    plane = Plane.through(points[0], points[-1], points[1])
    curve = positions(paths.header.kind, points, np.linspace(0, 1, 41))
    marks = plane.coordinates(points)
    x, y = axes_around(
        np.concatenate([marks[[0, -1]], marks, plane.coordinates(curve)]), spec.level
    )
    n, text = len(x), paths.text(spec.pair)
    nothing = Profile.empty(n, n, len(text.target_ids))
    a, b = (paths.header.solutions[i] for i in paths.header.pairs[spec.pair])
    header = LandscapeHeader(
        model=paths.header.model,
        fingerprint=paths.header.fingerprint,
        arrangement=paths.header.arrangement,
        sink=paths.header.sink,
        kind=paths.header.kind,
        text=text,
        ends=(a, b),
        level=spec.level,
        device=model.device.type,
        created=now(),
        job=job,
    )
    return Landscape(
        header, points, marks, plane.origin, plane.along, plane.across, x, y,
        *vars(nothing).values(),
    )  # fmt: skip
