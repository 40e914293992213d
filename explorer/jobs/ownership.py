"""Who works on what: a job has one owner, which holds it by a lease. Free of torch.

A worker claims a job in one statement that only one worker can win, and goes on renewing its
lease. What a worker held that died is free again: at once for its successor, which can only exist
because the dead one's lock is free, and for workers of other devices when the lease has run out. A
worker that was suspended for longer than its lease finds out before it writes anything.

This says whose a job is, not when it has its turn; that is the loop's affair.
"""

import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, and_, case, delete, or_, select, update

from explorer.base.database import JobRow, RequestRow, WorkerRow, transaction
from explorer.base.language import tr
from explorer.jobs.client import OVER
from explorer.runtime import logs

log = logs.log

LEASE_SECONDS = 30.0
"""How long a claim holds that is not renewed: some thirty heartbeats."""
FORGOTTEN_SECONDS = 120.0
"""How old a question gets before nobody waits for its answer; `client.request` waits 20 to 60."""
MAX_DEATHS = 3
"""How often a job may take the worker down with it, without progress, before it is given up."""
PROGRESS = 2
"""How often one worker has to keep a job's state for progress. The first time comes right after a
step: a job that dies at its next step each time would die once for each of its steps, and
everybody's work with it. What is kept a second time has outlived that."""

QUEUED = case((JobRow.requested == "pause", "paused"), else_="queued")
"""State of a job that is left to the next worker: a pause that its owner never heard of is one."""


class LostError(Exception):
    """The job belongs to another worker by now: what this one has of it is void."""


@dataclass
class Owner:
    """One worker as the owner of jobs.

    Attributes:
        place: name of the device's lock, of which there is one worker at a time.
        id: unique to this process.
    """

    place: str
    id: str = ""
    _until: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.id = self.id or f"{self.place}/{uuid.uuid4().hex[:12]}"

    def succeed(self) -> None:
        """Free what the dead predecessor at this place held; the caller holds the place's lock.

        Raises:
            StorageError: if the database refuses.
        """
        here = f"{self.place}/"
        _free(and_(JobRow.owner.startswith(here, autoescape=True), JobRow.owner != self.id))
        with transaction() as session:
            session.execute(
                update(RequestRow)
                .where(RequestRow.owner.startswith(here, autoescape=True))
                .values(owner=None)
            )

    def free_expired(self) -> None:
        """Free what any other owner held whose lease has run out.

        Raises:
            StorageError: if the database refuses.
        """
        _free(and_(JobRow.owner.is_not(None), JobRow.owner != self.id, JobRow.lease < time.time()))

    def claim(self, job_id: str) -> bool:
        """Take a job that nobody owns; return whether it is this owner's now.

        Raises:
            StorageError: if the database refuses.
        """
        until = time.time() + LEASE_SECONDS
        afresh = case((JobRow.mark >= PROGRESS, 0), else_=JobRow.deaths)
        statement = (
            update(JobRow)
            .where(JobRow.id == job_id, JobRow.state.not_in(OVER))
            .where(
                or_(JobRow.owner.is_(None), JobRow.owner == self.id), JobRow.requested != "pause"
            )
            .values(owner=self.id, lease=until, state="running", attempts=JobRow.attempts + 1)
            .values(deaths=afresh, mark=0)
        )
        with transaction() as session:
            won = changed(session.execute(statement)) == 1
        if won:
            self._until[job_id] = until
        return won

    def claim_question(self, number: int) -> RequestRow | None:
        """Take a question that nobody answers and return it; None: it is not this worker's.

        Raises:
            StorageError: if the database refuses.
        """
        free = and_(RequestRow.id == number, RequestRow.owner.is_(None))
        with transaction() as session:
            taken = session.execute(update(RequestRow).where(free).values(owner=self.id))
            return session.get(RequestRow, number) if changed(taken) else None

    def renew(self, job_ids: Iterable[str]) -> None:
        """Prolong the leases of these jobs; of those that are lost, forget the lease.

        Raises:
            StorageError: if the database refuses; leases then run on as they were.
        """
        until, ids = time.time() + LEASE_SECONDS, list(job_ids)
        if not ids:
            return
        mine = and_(JobRow.owner == self.id, JobRow.id.in_(ids))
        with transaction() as session:
            session.execute(update(JobRow).where(mine).values(lease=until))
            held = set(session.scalars(select(JobRow.id).where(mine)))
        for job_id in ids:
            self._until[job_id] = until if job_id in held else 0.0

    def require(self, job_id: str) -> None:
        """Make sure that a job is still this owner's; costs nothing while its lease runs.

        Raises:
            LostError: if it is not.
            StorageError: if that cannot be found out.
        """
        if time.time() >= self._until.get(job_id, 0.0):
            self.renew([job_id])
        if time.time() >= self._until[job_id]:
            raise LostError(job_id)

    def doubt(self, job_id: str) -> None:
        """Let `require` ask the database, whatever the lease says."""
        self._until[job_id] = 0.0

    def forget(self, job_id: str) -> None:
        """Note that a job is not this owner's any more."""
        self._until.pop(job_id, None)


def open_questions() -> list[int]:
    """Return the ids of the questions that no worker has taken; delete those nobody waits for.

    Raises:
        StorageError: if the database refuses.
    """
    last = time.time() - FORGOTTEN_SECONDS
    with transaction() as session:
        rows = list(session.scalars(select(RequestRow)))
        if any(row.created < last for row in rows):  # writing makes others wait
            session.execute(delete(RequestRow).where(RequestRow.created < last))
        waiting = [row for row in rows if row.created >= last and row.owner is None]
        return [row.id for row in waiting if row.answer is None and row.error is None]


def tell(job_id: str, **words: object) -> None:
    """Write columns of a job that nobody owns.

    Raises:
        StorageError: if the database refuses.
    """
    unowned = update(JobRow).where(JobRow.id == job_id, JobRow.owner.is_(None))
    with transaction() as session:
        session.execute(unowned.values(words))


def changed(result: object) -> int:
    """Return how many rows a statement has changed."""
    count: int = result.rowcount  # type: ignore[attr-defined]
    return count


def _free(condition: ColumnElement[bool]) -> None:
    """Queue jobs again that their owners cannot go on with; give up those that killed them.

    A worker's sign of life names the job that computed when it died, or those that did so together:
    they count a death, the others that it held do not.
    """
    with transaction() as session:
        left = list(session.scalars(select(JobRow).where(condition, JobRow.state.not_in(OVER))))
        signs = list(session.scalars(select(WorkerRow))) if left else []
    doing = {sign.device: sign.doing for sign in signs}
    for row in left:
        place = str(row.owner).partition("/")[0]
        again: dict[str, object] = {"owner": None, "lease": 0.0}
        if row.state != "paused":
            again |= {"state": QUEUED, "sentence": tr("Taken over by a new worker.")}
        log.warning(logs.line("job taken over from a dead worker", job=row.id))
        if row.id in doing.get(place, "").split():
            again |= _after_a_death(row)
        with transaction() as session:
            session.execute(
                update(JobRow)
                .where(JobRow.id == row.id, JobRow.owner == row.owner, condition)
                .values(again)
            )


def _after_a_death(row: JobRow) -> dict[str, object]:
    """Return what changes in a job during which the worker died."""
    deaths = 1 if row.mark >= PROGRESS else row.deaths + 1
    log.warning(logs.line("a worker died during a job", job=row.id, deaths_without_progress=deaths))
    counted: dict[str, object] = {"deaths": deaths, "mark": 0}
    if deaths < MAX_DEATHS:
        return counted
    return counted | {
        "state": "failed",
        "finished": time.time(),
        "error": tr(
            "The worker died {deaths} times during this job, most likely for want of memory. Try "
            "a smaller model, a shorter length or fewer restarts.",
            deaths=deaths,
        ),
    }
