"""Curves of many pairs, divided into batches, as the driver sees them. Free of torch."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from explorer.base.errors import CorruptFileError
from explorer.base.progress import Progress
from explorer.cluster import parts
from explorer.cluster.parts import Division, Files, Finished, Part
from explorer.estimates.outlook import CURVE_ROWS
from explorer.paths import batches
from explorer.paths.batches import States
from explorer.paths.curves import CurveKind
from explorer.paths.result import FILE, Paths
from explorer.solutions.solution import Solution
from explorer.specs.curves import PathRecipe


class CurveDivision(Division):
    """Pairs that are connected anywhere, and one file of them here.

    A batch has as many pairs as train side by side in a full pass. It is as if they were all there
    are: when one is over, no other takes its place.

    Attributes:
        paths: all pairs as they stand; there are none before a node has described them.
    """

    kind = "curves"
    paths: Paths

    def __init__(
        self,
        pairs: Sequence[tuple[Solution, Solution]],
        curve: CurveKind,
        recipe: PathRecipe,
        folder: Path,
    ) -> None:
        """Name what is asked, and the folder of the file."""
        self._pairs, self._curve, self._recipe = pairs, curve, recipe
        self.model, self.precision = pairs[0][0].record.model, recipe.precision
        self._file = folder / FILE
        self._states: States = {}
        self._batches: list[list[int]] = []
        self._seconds: dict[str, float] = {}  # by batch, since a node took it up
        self._before = 0.0  # seconds of what was taken up

    @property
    def described(self) -> dict[str, Any]:
        """Both ends of every path, the curve and the recipe."""
        return {"pairs": self._pairs, "kind": self._curve, "recipe": self._recipe}

    def begin(self, made: Files) -> None:
        """Go on with the file of the same task, if it is there and whole."""
        with parts.opened(parts.take(made, FILE)) as file:
            self.paths = Paths.load(file)
        with suppress(CorruptFileError, ValueError):
            found = Paths.load(self._file)
            if found.same_task(self.paths):
                self.paths, self._states = found, batches.states_in(self._file)
        self._before = self.paths.header.seconds
        left = np.flatnonzero(~self.paths.over).tolist()
        size = max(1, CURVE_ROWS // self._recipe.samples)
        self._batches = [left[k : k + size] for k in range(0, len(left), size)]

    def left(self) -> Sequence[Part]:
        """Return the batches that are not over."""
        return [
            Part(batches.name_of(pairs), f"pairs {pairs[0] + 1} to {pairs[-1] + 1}")
            for pairs in self._batches
            if not self.paths.over[pairs].all()
        ]

    def known(self, part: Part) -> Files:
        """Return the batch as it stands, if it was begun."""
        self._before += self._seconds.pop(part.key, 0.0)
        pairs = batches.pairs_of(part.key)
        states = {k: self._states[pair] for k, pair in enumerate(pairs) if pair in self._states}
        if not states and not self.paths.measured[pairs].any():
            return {}
        begun = batches.chosen(self.paths, pairs).packed(batches.tensors_of(states))
        return {str(batches.FOLDER / FILE): begun}

    def keep_step(self, part: Part, files: Files) -> None:
        """Take in how far a batch is."""
        pairs = batches.pairs_of(part.key)
        with parts.opened(parts.take(dict(files), FILE)) as file:
            there, states = Paths.load(file), batches.states_in(file)
        if len(there) != len(pairs):
            raise CorruptFileError(f"A node sent {len(there)} pairs where {len(pairs)} were asked.")
        for pair in pairs:
            self._states.pop(pair, None)
        self._states |= {pairs[k]: state for k, state in states.items()}
        self._seconds[part.key] = there.header.seconds
        self.paths = batches.brought_back(self.paths, there, pairs)

    def keep(self, part: Part, found: Finished) -> None:
        """Take in a batch that is over."""
        self.keep_step(part, found.files)

    def checkpoint(self) -> None:
        """Write all pairs as they stand."""
        seconds = self._before + sum(self._seconds.values())
        header = self.paths.header.model_copy(update={"seconds": seconds})
        self.paths = replace(self.paths, header=header)
        self.paths.save(self._file, batches.tensors_of(self._states))

    def progress(self, under_way: dict[str, float], at_once: int) -> Progress:
        """Count the pairs."""
        over = self.paths.over.astype(float)
        for key, fraction in under_way.items():
            over[batches.pairs_of(key)] = fraction
        return Progress(
            f"{int(self.paths.over.sum())} of {len(over)} pairs are over, "
            f"{int(self.paths.connected.sum())} connected, {at_once} batches at once.",
            float(over.mean()),
        )

    @property
    def outcome(self) -> str:
        """How many pairs are connected."""
        paths = self.paths
        return f"{int(paths.connected.sum())} of {int(paths.measured.sum())} pairs connected."
