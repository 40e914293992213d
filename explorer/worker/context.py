"""What a running job sees of the outside: its spec, its folder, and somebody to talk to."""

import contextlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from explorer.base.database import JobRow, transaction
from explorer.base.errors import StorageError
from explorer.jobs import client
from explorer.jobs.ownership import PROGRESS, LostError, Owner, changed
from explorer.model.pool import ModelPool
from explorer.specs.jobs import JobSpec
from explorer.training.shared_pass import Step
from explorer.worker.side_process import SideProcess

SAY_SECONDS = 0.4


@dataclass
class JobContext:
    """One job in the worker's hands.

    Attributes:
        id: the job's id.
        spec: what is asked.
        pool: where models come from.
        side_process: a process for what would keep the other jobs waiting.
        owner: whose job it is; None: nobody's.
        requested: run, pause or stop, as read from the queue lately.
        stopped: whether a wish to stop ended the work early.
        result: what the job has made so far; saved whenever the job speaks.
        notices: remarks that stay with the job.
        deaths: how often a worker died during it, without progress, before this one took it up.
        next_step: the step that its task takes next, if others' can be taken with it.
        afterwards: called once it is written that the job is done or stopped: whoever dies before
            that finds everything to go on from.
    """

    id: str
    spec: JobSpec
    pool: ModelPool
    side_process: SideProcess = field(default_factory=SideProcess)
    owner: Owner | None = None
    requested: str = "run"
    stopped: bool = False
    result: dict[str, Any] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    deaths: int = 0
    next_step: Step[Any] | None = None
    afterwards: list[Callable[[], None]] = field(default_factory=list)
    _said: float = -math.inf
    _kept: int = 0
    _unsaid: dict[str, Any] = field(default_factory=dict)

    @property
    def may_be_deadly(self) -> bool:
        """Whether a worker died during it, and it has not got on since."""
        return self.deaths > 0 and self._kept < PROGRESS

    @property
    def folder(self) -> Path:
        """Where the job's frames and checkpoint lie."""
        return client.folder_of(self.id)

    def say(self, sentence: str, fraction: float | None = None, *, at_once: bool = False) -> None:
        """Tell whoever watches what is going on; called too often, most calls do nothing.

        Words that the database does not take now are said with the next: work does not wait.

        Raises:
            LostError: if the job belongs to another worker by now.
        """
        if at_once or time.monotonic() - self._said >= SAY_SECONDS:
            self._said = time.monotonic()
            self._unsaid["sentence"] = sentence
            if fraction is not None:
                self._unsaid["fraction"] = min(1.0, max(0.0, fraction))
            with contextlib.suppress(StorageError):
                self.update()

    def notice(self, sentence: str) -> None:
        """Leave a remark that stays with the job."""
        if sentence not in self.notices:
            self.notices.append(sentence)

    def note_kept(self) -> None:
        """Count that its state is kept, so that a death after this is one after progress.

        Raises:
            LostError: if the job belongs to another worker by now.
        """
        self._kept += 1
        if self._kept <= PROGRESS:
            self._unsaid["mark"] = self._kept
            with contextlib.suppress(StorageError):
                self.update()

    def update(self, **columns: Any) -> None:
        """Write columns of the job's row, and read what is wanted of it now.

        Raises:
            LostError: if the job belongs to another worker by now; nothing is written.
            StorageError: if the database refuses.
        """
        made = {"result": json.dumps(self.result), "notices": json.dumps(self.notices)}
        columns = self._unsaid | columns | made | {"updated": time.time()}
        me = None if self.owner is None else self.owner.id
        mine = update(JobRow).where(JobRow.id == self.id, JobRow.owner.is_not_distinct_from(me))
        with transaction() as session:
            written = changed(session.execute(mine.values(columns)))
            requested = session.scalar(select(JobRow.requested).where(JobRow.id == self.id))
        if requested is not None and not written:
            raise LostError(self.id)
        self._unsaid.clear()
        self.requested = requested or "stop"  # a row that was deleted ends its job
