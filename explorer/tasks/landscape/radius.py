"""How far a solution carries: accuracy against distance in random directions."""

import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray

from explorer.base.errors import BadInputError
from explorer.base.language import tr
from explorer.base.progress import Progress
from explorer.landscape.surroundings import Surroundings, SurroundingsHeader
from explorer.model.head import TokenStatistics
from explorer.model.pool import ModelPool
from explorer.paths.pairs import vector
from explorer.paths.places import RADIUS
from explorer.runtime.interruption import Interrupted, abandonable
from explorer.solutions.solution import Solution, now
from explorer.specs.jobs import RadiusSpec
from explorer.specs.recipes import THRESHOLD
from explorer.tasks.paths.bends import along, require_as_recorded
from explorer.tasks.task import Task
from explorer.training.checkpoint import Checkpoint

ROWS = 64
START, FARTHEST = 2.0**-10, 16.0
"""First and last distance of the search, as shares of the solution's own norm."""
HALVINGS = 8
"""How often the step in which accuracy falls is halved: the radius is good to 1 in 256."""


class RadiusTask(Task):
    """Finds, in every random direction, the distance at which accuracy first falls below 0.99.

    Attributes:
        found: the result, once `steps` has ended.
        resumed: whether it goes on from a checkpoint.
    """

    def __init__(
        self,
        solution: Solution,
        spec: RadiusSpec,
        pool: ModelPool,
        folder: Path,
        job: str | None = None,
    ) -> None:
        """Load the model, draw the directions, and go on from a checkpoint if there is one.

        Args:
            solution: where to start; an exact one.
            spec: how many directions and distances.
            pool: where models come from.
            folder: for the result.
            job: the job's id, None on the command line.

        Raises:
            BadInputError: if the solution is not reconstructed to begin with.
            MissingAssetError: if the model is not on this disk.
            ModelError: if it cannot be loaded, or has other weights than the solution's.
        """
        if solution.record.accuracy < THRESHOLD:
            raise BadInputError(
                tr(
                    "This solution has {c_tokens} of {length} tokens right, so there is no "
                    "radius around it. Pick an exact one.",
                    c_tokens=solution.record.c_tokens,
                    length=solution.length,
                )
            )
        self.solution, self.spec, self.job = solution, spec, job
        self.model = pool.of_solution(solution)
        self.found: Surroundings | None = None
        self._progress = Progress(tr("Looking for the scale."), 0.0)
        self._file = folder / RADIUS
        self._centre = vector(solution).astype(np.float64)
        self._targets = torch.from_numpy(solution.target_ids)
        here = self._along(self._centre[None])
        require_as_recorded(solution, float(here.correct.float().mean()))
        self.directions = random_directions(spec.directions, len(self._centre), spec.seed)
        self._low = np.zeros(len(self.directions))
        self._high = np.full(len(self.directions), np.inf)
        self._distance = START * float(np.linalg.norm(self._centre))
        self._grid = np.zeros((len(self.directions), spec.points), dtype=np.float32)
        self._halved, self._measured, self._seconds = 0, 0, 0.0
        asked = [spec.model_dump(mode="json"), solution.record.id]
        self._kept = Checkpoint(folder / f"unfinished-{RADIUS}", self.model, asked)
        self.resumed = self._restore()

    def _work(self) -> Iterator[Progress]:
        """Search, halve, then measure every distance; what is done is in the attributes."""
        norm = float(np.linalg.norm(self._centre))
        while self._distance <= FARTHEST * norm and np.isinf(self._high).any():
            right = yield from self._holds(np.full(len(self._low), self._distance))
            self._high = np.where(np.isinf(self._high) & ~right, self._distance, self._high)
            self._low = np.where(np.isinf(self._high), self._distance, self._low)
            self._distance *= 2
            fraction = min(0.3, self._progress.fraction + 0.02)
            self._progress = Progress(self._progress.sentence, fraction)
        while self._halved < HALVINGS:
            middle = np.where(np.isfinite(self._high), (self._low + self._high) / 2, self._low)
            right = yield from self._holds(middle)
            self._low = np.where(right, middle, self._low)
            self._high = np.where(right, self._high, middle)
            fraction = 0.3 + 0.2 * self._halved / HALVINGS
            self._progress = Progress(tr("Halving the step."), fraction)
            self._halved += 1
        places = np.argwhere(np.ones_like(self._grid))
        distances = self._distances
        while self._measured < len(places):
            which, step = places[self._measured : self._measured + ROWS].T
            points = self._centre + distances[step][:, None] * self.directions[which]
            self._grid[which, step] = yield from self._accuracy(points)
            self._measured += len(which)
            self._progress = Progress(
                tr(
                    "{at} of {all} points are measured.",
                    at=f"{self._measured:,}",
                    all=f"{len(places):,}",
                ),
                0.5 + 0.5 * self._measured / len(places),
            )
        self.found = Surroundings(self._header(), distances, self._grid, self._radius)
        self.found.save(self._file)
        self._kept.discard()

    @property
    def outcome(self) -> str:
        """The radius, or how far the search for it is."""
        return self.found.sentence if self.found else self._progress.sentence

    @property
    def _radius(self) -> NDArray[np.float64]:
        """The distance in each direction that holds; NaN where none was found that does not."""
        return np.where(np.isfinite(self._high), self._low, np.nan)

    @property
    def _distances(self) -> NDArray[np.float64]:
        radius = self._radius
        far = np.nanmax(radius) if np.isfinite(radius).any() else self._low.max()
        return np.linspace(0, 2 * float(far), self.spec.points)

    def _checkpoint(self) -> None:
        self._kept.save(
            (),
            {"low": self._low, "high": self._high, "grid": self._grid},
            distance=self._distance,
            halved=self._halved,
            measured=self._measured,
            seconds=self._seconds,
        )

    def _restore(self) -> bool:
        saved = self._kept.read()
        if saved is None:
            return False
        for name, array in saved.arrays.items():
            setattr(self, f"_{name}", array.copy())
        for name, value in saved.values.items():
            setattr(self, f"_{name}", value)
        return True

    def _holds(
        self, distance: Float[np.ndarray, " directions"]
    ) -> Generator[Progress, None, NDArray[np.bool_]]:
        """Return in which directions the text is still reconstructed at a distance."""
        points = self._centre + distance[:, None] * self.directions
        return (yield from self._accuracy(points)) >= THRESHOLD

    def _accuracy(
        self, points: Float[np.ndarray, "rows D"]
    ) -> Generator[Progress, None, NDArray[np.float32]]:
        """Return the accuracy at some points; yield after each pass, and where one was left."""
        parts: list[NDArray[np.float32]] = []
        while (at := ROWS * len(parts)) < len(points):
            started = time.perf_counter()
            with suppress(Interrupted), abandonable():
                found = self._along(points[at : at + ROWS])
                parts.append(found.correct.float().mean(1).cpu().numpy())
            self._seconds += time.perf_counter() - started
            yield self._progress
        return np.concatenate(parts)

    def _along(self, points: NDArray[np.float64]) -> TokenStatistics:
        record = self.solution.record
        return along(self.model, points, self._targets, record.arrangement, record.sink)

    def _header(self) -> SurroundingsHeader:
        record = self.solution.record
        return SurroundingsHeader(
            model=record.model,
            fingerprint=record.fingerprint,
            solution=record.id,
            solution_seed=record.seed,
            text=record.text,
            norm=float(np.linalg.norm(self._centre)),
            seed=self.spec.seed,
            device=self.model.device.type,
            seconds=self._seconds,
            created=now(),
            job=self.job,
        )


def random_directions(count: int, size: int, seed: int) -> Float[np.ndarray, "count size"]:
    """Return unit vectors in directions that are uniform on the sphere, float64."""
    drawn = np.random.default_rng(seed).standard_normal((count, size))
    directions: NDArray[np.float64] = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return directions
