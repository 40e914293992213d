"""Connecting pairs batch by batch, for whoever gathers the batches."""

from collections.abc import Iterator, Sequence
from contextlib import closing

from explorer.base import folders
from explorer.base.progress import Progress
from explorer.model.pool import ModelPool
from explorer.paths.batches import FOLDER, pairs_of
from explorer.paths.curves import CurveKind
from explorer.paths.result import FILE
from explorer.solutions.solution import Solution
from explorer.specs.curves import PathRecipe
from explorer.tasks.paths.connecting import Connecting
from explorer.tasks.task import Divided


class CurveBatches(Divided):
    """Connects some pairs after others, each time as if they were all there are."""

    def __init__(
        self,
        pairs: Sequence[tuple[Solution, Solution]],
        kind: CurveKind,
        recipe: PathRecipe,
        pool: ModelPool,
    ) -> None:
        """Check all pairs, load the model, and write the paths with nothing measured.

        Raises:
            BadInputError, MissingAssetError, ModelError: as `Connecting`.
        """
        self._pairs, self._kind, self._recipe, self._pool = pairs, kind, recipe, pool
        self.folder = self.scratch = folders.local() / FOLDER
        self._connecting(pairs).paths.save(self.folder / FILE)

    def _connecting(self, pairs: Sequence[tuple[Solution, Solution]]) -> Connecting:
        return Connecting(pairs, self._kind, self._recipe, self._pool, self.folder)

    def _work(self) -> Iterator[Progress]:
        """Connect a batch of pairs, from its checkpoint if there is one."""
        batch = self._connecting([self._pairs[k] for k in pairs_of(self._part)])
        with closing(batch.steps()) as steps:
            for progress in steps:
                self.inside = progress.fraction
                yield progress

    @property
    def outcome(self) -> str:
        """Nothing: whoever gathers the batches says it."""
        return ""
