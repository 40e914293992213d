"""A set divided into its texts, its shared m and groups of rows, as the driver sees it."""

import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from explorer.base import folders
from explorer.base.errors import ExplorerError
from explorer.base.progress import Progress
from explorer.cluster import parts
from explorer.cluster.parts import Division, Files, Finished, Part
from explorer.experiments import cell_locks
from explorer.solutions import sets
from explorer.solutions.sets import LEARNING, TEXTS, SetRecord
from explorer.specs.jobs import SolveSetSpec

TITLES = {TEXTS: "the model writes the texts", LEARNING: "one m for all rows"}


class SetDivision(Division):
    """A set whose rows are trained anywhere and kept here.

    The model writes the texts on one node, and rows that share one m learn it on one node, for they
    have one trainer; after that, groups of rows are independent.

    Attributes:
        record: the set as it stands; there is none before the first node has said what the spec
            comes to with its weights.
    """

    kind = "rows"
    record: SetRecord

    def __init__(self, spec: SolveSetSpec) -> None:
        """Name what is asked."""
        self._spec = spec
        self.model, self.precision = spec.model, spec.recipe.precision
        self._lock: AbstractContextManager[object] | None = None  # held as long as this lives

    @property
    def described(self) -> dict[str, Any]:
        """The spec."""
        return {"spec": self._spec}

    def begin(self, made: Files) -> None:
        """Go on with the set of this disk that has this spec and weights, or begin it.

        Raises:
            ExplorerError: if another process of this machine makes it.
        """
        record = SetRecord.model_validate_json(parts.take(made, sets.SET_FILE))
        if not (sets.folder_of(record.id) / sets.SET_FILE).is_file():
            sets.save(record)
        free = cell_locks.first_free(record.id, [sets.WHOLE])
        if free is None:
            raise ExplorerError(
                f"Another process makes the set {record.id}. Wait for it, or stop it first."
            )
        self._lock = free[1]
        self.record = sets.load(sets.folder_of(record.id))

    def left(self) -> Sequence[Part]:
        """Return what can be done now: the texts, then m, then groups of rows."""
        record = self.record
        if record.complete and not record.missing:
            return []
        texts = len(self._spec.texts) or self._spec.contexts * self._spec.continuations
        if len(record.texts) < texts:
            names = [TEXTS]
        elif self._spec.regime == "shared" and record.joint is None:
            names = [LEARNING]
        else:
            names = sets.groups(record)
        return [Part(name, TITLES.get(name, name)) for name in names]

    def _scratch(self, part: Part) -> Path:
        return sets.work_of(self.record.id) / part.key

    def known(self, part: Part) -> Files:
        """Return the record, a learned m, and the part's checkpoint."""
        whole = sets.work_of(self.record.id)
        files = [sets.folder_of(self.record.id) / sets.SET_FILE, whole / sets.LEARNED]
        kept = {
            str((whole / file.name).relative_to(folders.local())): file.read_bytes()
            for file in self._scratch(part).glob("*.safetensors")
        }
        return kept | parts.read_all(file for file in files if file.is_file())

    def keep_step(self, part: Part, files: Files) -> None:
        """Keep a checkpoint beside those of other parts."""
        own = self._scratch(part).relative_to(folders.local())
        parts.write({str(own / Path(name).name): content for name, content in files.items()})

    def keep(self, part: Part, found: Finished) -> None:
        """Enter what a part has made into the set."""
        made = dict(found.files)
        there = SetRecord.model_validate_json(parts.take(made, sets.SET_FILE))
        parts.write(made)
        members = {m.solution: m for m in [*self.record.members, *there.members]}
        self.record = self.record.model_copy(
            update={
                "contexts": there.contexts,
                "texts": there.texts,
                "joint": there.joint or self.record.joint,
                "members": sorted(members.values(), key=lambda m: (m.slot, m.attempt)),
            }
        )
        sets.save(self.record)
        shutil.rmtree(self._scratch(part), ignore_errors=True)

    def progress(self, under_way: dict[str, float], at_once: int) -> Progress:
        """Count the solutions."""
        wanted = len(self.record.slots)
        tried = wanted - len(self.record.to_try)
        doing = ", ".join(TITLES[name] for name in under_way if name in TITLES)
        return Progress(
            f"{self.outcome[:-1]}, {at_once} at once{doing and f': {doing}'}.",
            tried / wanted if wanted else 0.0,
        )

    @property
    def outcome(self) -> str:
        """How many solutions are exact by now."""
        return f"{len(self.record.exact)} of {len(self.record.slots)} solutions exact."

    def finish(self) -> None:
        """Call the set complete, and remove what only its making needs."""
        self.record = self.record.model_copy(update={"complete": True})
        sets.save(self.record)
        shutil.rmtree(sets.work_of(self.record.id), ignore_errors=True)
        if self._lock is not None:
            self._lock.__exit__(None, None, None)
