"""How far a solution carries: accuracy against distance in random directions."""

import time
from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray

from explorer.errors import BadInputError
from explorer.jobs.specs import RadiusSpec
from explorer.landscape.surroundings import Surroundings, SurroundingsHeader
from explorer.paths.pairs import vector
from explorer.paths.places import RADIUS
from explorer.paths.result import CONNECTED
from explorer.paths.training import along, require_as_recorded
from explorer.pool import ModelPool
from explorer.provenance import versions
from explorer.solutions import Solution, now

ROWS = 64
START, FARTHEST = 2.0**-10, 16.0
"""First and last distance of the search, as shares of the solution's own norm."""
HALVINGS = 8
"""How often the step in which accuracy falls is halved: the radius is good to 1 in 256."""


class RadiusTask:
    """Finds, in every random direction, the distance at which accuracy first falls below 0.99.

    Attributes:
        found: the result, once `steps` has ended.
        sentence: what it is doing, for a person.
        fraction: part that is done, 0 to 1.
    """

    def __init__(
        self,
        solution: Solution,
        spec: RadiusSpec,
        pool: ModelPool,
        folder: Path,
        job: str | None = None,
    ) -> None:
        """Load the model and draw the directions.

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
        if solution.record.accuracy < CONNECTED:
            raise BadInputError(
                f"This solution has {solution.record.c_tokens} of {solution.length} tokens right, "
                "so there is no radius around it. Pick an exact one."
            )
        self.solution, self.spec, self.job = solution, spec, job
        self.model = pool.of_solution(solution)
        self.found: Surroundings | None = None
        self.sentence, self.fraction = "Looking for the scale.", 0.0
        self._file = folder / RADIUS
        self._centre = vector(solution).astype(np.float64)
        self._targets = torch.from_numpy(solution.target_ids)
        require_as_recorded(solution, float(self._accuracy(self._centre[None])[0]))
        self.directions = random_directions(spec.directions, len(self._centre), spec.seed)

    def steps(self) -> Iterator[None]:
        """Search, halve, then measure every distance; yield after each forward pass."""
        started = time.perf_counter()
        low, high = yield from self._bracket()
        for k in range(HALVINGS):
            middle = np.where(np.isfinite(high), (low + high) / 2, low)
            right = self._accuracy(self._at(middle)) >= CONNECTED
            low, high = np.where(right, middle, low), np.where(right, high, middle)
            self.sentence, self.fraction = "Halving the step.", 0.3 + 0.2 * k / HALVINGS
            yield
        radius = np.where(np.isfinite(high), low, np.nan)
        far = float(np.nanmax(radius)) if np.isfinite(radius).any() else float(low.max())
        distances = np.linspace(0, 2 * far, self.spec.points)
        accuracy = np.zeros((len(radius), len(distances)), dtype=np.float32)
        places = np.argwhere(accuracy == 0)
        for i in range(0, len(places), ROWS):
            which, step = places[i : i + ROWS].T
            points = self._centre + distances[step][:, None] * self.directions[which]
            accuracy[which, step] = self._accuracy(points)
            self.sentence = f"{i + len(which):,} of {len(places):,} points."
            self.fraction = 0.5 + 0.5 * i / len(places)
            yield
        header = self._header(time.perf_counter() - started)
        self.found = Surroundings(header, distances, accuracy, radius)
        self.found.save(self._file)
        self.sentence = self.found.sentence

    def _bracket(self) -> Generator[None, None, tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Double the distance until accuracy has fallen in every direction.

        Returns:
            The last distance that held and the first that did not (infinite where there is none),
            float64 (directions,) each.
        """
        norm = float(np.linalg.norm(self._centre))
        low = np.zeros(len(self.directions))
        high = np.full(len(self.directions), np.inf)
        distance = START * norm
        while distance <= FARTHEST * norm and np.isinf(high).any():
            right = self._accuracy(self._at(np.full(len(low), distance))) >= CONNECTED
            high = np.where(np.isinf(high) & ~right, distance, high)
            low = np.where(np.isinf(high), distance, low)
            distance *= 2
            self.fraction = min(0.3, self.fraction + 0.02)
            yield
        return low, high

    def _at(self, distance: Float[np.ndarray, " directions"]) -> Float[np.ndarray, "directions D"]:
        points: NDArray[np.float64] = self._centre + distance[:, None] * self.directions
        return points

    def _accuracy(self, points: Float[np.ndarray, "rows D"]) -> NDArray[np.float32]:
        parts = [
            along(self.model, points[i : i + ROWS], self._targets, self.solution.record.arrangement)
            for i in range(0, len(points), ROWS)
        ]
        accuracy: NDArray[np.float32] = np.concatenate(
            [part.correct.float().mean(1).cpu().numpy() for part in parts]
        )
        return accuracy

    def _header(self, seconds: float) -> SurroundingsHeader:
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
            versions=versions(),
            seconds=seconds,
            created=now(),
            job=self.job,
        )


def random_directions(count: int, size: int, seed: int) -> Float[np.ndarray, "count size"]:
    """Return unit vectors in directions that are uniform on the sphere, float64."""
    drawn = np.random.default_rng(seed).standard_normal((count, size))
    directions: NDArray[np.float64] = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return directions
