"""Compares the solutions of a set by what the model makes of them, layer by layer."""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from explorer.base.errors import BadInputError
from explorer.base.language import tr
from explorer.base.progress import Progress
from explorer.geometry import depth, maps
from explorer.geometry.depth import PLACES, DepthReport
from explorer.geometry.distances import pairs
from explorer.geometry.states import States
from explorer.inside.header import Role, roles_of
from explorer.model import inside
from explorer.model.frozen import FrozenModel, is_out_of_memory
from explorer.model.metrics import input_sequence
from explorer.model.pool import ModelPool
from explorer.runtime.interruption import Interrupted, abandonable
from explorer.solutions.sets import SolutionSet
from explorer.solutions.solution import Solution
from explorer.specs.jobs import MapSpec
from explorer.tasks.task import Task
from explorer.training.memory import ONE_ROW

ROWS = 16
"""Solutions in one forward pass, all of whose hidden states are kept."""
PASSES_TAKE = 0.2
"""Part of the time that the passes take, roughly; the rest are statistics."""


class DepthTask(Task):
    """Runs every exact solution of a set once, in float32, and compares hidden states.

    Attributes:
        found: the result, once `steps` has ended.
    """

    def __init__(self, given: SolutionSet, pool: ModelPool) -> None:
        """Load the model.

        Raises:
            BadInputError: if the set has too few or too many exact solutions, or a text twice.
            MissingAssetError: if the model is not on this disk.
            ModelError: if it cannot be loaded, or has other weights than the set's.
        """
        pairs(given)
        self.set = given
        self.model = pool.of_solution(given.solutions[0])
        self.found: DepthReport | None = None

    def _work(self) -> Iterator[Progress]:
        started = time.perf_counter()
        states = yield from states_of(self.set, self.model, PASSES_TAKE)
        compared = depth.steps(self.set, states)
        while True:
            try:
                progress = next(compared)
            except StopIteration as end:
                rows = end.value
                break
            share = PASSES_TAKE + (1 - PASSES_TAKE) * progress.fraction
            yield Progress(progress.sentence, share)
        self.found = depth.report(
            self.set,
            rows,
            states,
            device=self.model.device.type,
            seconds=time.perf_counter() - started,
        )
        depth.REPORTS.save(self.set.record, self.found)

    @property
    def outcome(self) -> str:
        """At which depth solutions of one text come together."""
        return self.found.sentence if self.found else tr("Nothing was compared yet.")


class StatesTask(Task):
    """Writes the hidden states of every solution of some sets, after every layer, for a map."""

    def __init__(self, spec: MapSpec, pool: ModelPool, file: Path) -> None:
        """Load the model.

        Args:
            spec: of a map of hidden states.
            pool: where the model comes from.
            file: where they are written, as `States`.

        Raises:
            BadInputError: if the sets do not fit together or have no solution, or if the spec names
                m and no position holds it.
            CorruptFileError: if one cannot be read.
            MissingAssetError: if the model is not on this disk.
            ModelError: if it cannot be loaded, or has other weights than the sets'.
        """
        assert spec.place is not None
        self.sets = [found for found in maps.gather(spec) if found.solutions]
        first = self.sets[0].solutions[0]
        if spec.place == "m" and "m" not in roles_of(first.record.arrangement, first.length):
            raise BadInputError(
                tr("This arrangement has no m to lay out. Choose where e stands, or another set.")
            )
        self.model = pool.of_solution(first)
        self._place, self._file = PLACES.index(spec.place), file

    def _work(self) -> Iterator[Progress]:
        parts = []
        for found in self.sets:
            states = yield from states_of(found, self.model, 0.1)
            parts.append(states[:, self._place])
        ids = [solution.record.id for found in self.sets for solution in found.solutions]
        States(np.concatenate(parts, 1), ids).save(self._file)


def states_of(
    given: SolutionSet, model: FrozenModel, takes: float
) -> Generator[Progress, None, Float[np.ndarray, "S 3 K d"]]:
    """Run every exact solution of a set once; return its states in the order of `PLACES`.

    Args:
        given: the set.
        model: that it was made with.
        takes: what part of the whole this is, for the progress that is yielded.
    """
    solutions, parts, at_once = given.solutions, list[NDArray[np.float32]](), ROWS
    while (at := sum(part.shape[2] for part in parts)) < len(solutions):
        said = tr("{at} of {all} solutions are read.", at=at, all=len(solutions))
        yield Progress(said, takes * at / len(solutions))
        try:
            with suppress(Interrupted), abandonable():
                parts.append(_states(model, solutions[at : at + at_once]))
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if at_once == 1:
                raise BadInputError(tr(ONE_ROW)) from error
            at_once //= 2
    return np.concatenate(parts, 2)


def _states(model: FrozenModel, solutions: Sequence[Solution]) -> Float[np.ndarray, "S 3 rows d"]:
    """Return states after every layer: mean over e, mean over m (NaN without), last position."""
    key, length = solutions[0].record.arrangement, solutions[0].length
    e, m = (
        torch.from_numpy(np.stack([getattr(s, name) for s in solutions])).to(model.device)
        for name in "em"
    )
    laid = input_sequence(model, e, m, key, length, solutions[0].record.sink)
    states = inside.hidden_states(model, laid)
    roles = roles_of(key, length)
    means = [_mean_at(states, roles, "e"), _mean_at(states, roles, "m")]
    made: NDArray[np.float32] = torch.stack([*means, states[:, :, -1]], 1).cpu().numpy()
    return made


def _mean_at(
    states: Float[Tensor, "S rows L d"], roles: Sequence[Role], wanted: Role
) -> Float[Tensor, "S rows d"]:
    """Return the mean over positions that hold one vector; NaN where none does."""
    return states[:, :, [k for k, role in enumerate(roles) if role == wanted]].mean(2)
