"""What pages and the command line say to the worker, and hear from it. Free of torch."""

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import func, select, update

from explorer.assets.memory import LOADED_BYTES
from explorer.base import folders
from explorer.base.database import JobRow, RequestRow, WorkerRow, transaction
from explorer.base.errors import BadInputError, ExplorerError, StorageError
from explorer.base.formatting import human_bytes
from explorer.base.language import retold, tr
from explorer.base.locks import LockFile
from explorer.jobs.devices import devices, driver_name
from explorer.runtime import limits, logs
from explorer.specs.jobs import JobSpec, parse

STALE_SECONDS = 15.0
OVER = ("done", "failed", "stopped")
MAPS_SOON = "maps soon"
"""Announces that a map may be asked for: UMAP takes some fifteen seconds to get ready."""


@dataclass(frozen=True)
class Job:
    """A job as it stands.

    Attributes:
        id: short id, also its folder's name and what a link carries.
        spec: what was asked.
        state: queued, running, paused, done, stopped or failed.
        requested: run, pause or stop, as last asked for.
        fraction: part that is done, 0 to 1, at most.
        sentence: what it is doing, for a person.
        error: why it failed.
        notices: what a person should know besides, such as a restart.
        result: what it made; keys depend on the kind.
        created: UNIX time.
        finished: UNIX time, or None.
    """

    id: str
    spec: JobSpec
    state: str
    requested: str
    fraction: float
    sentence: str
    error: str | None
    notices: list[str]
    result: dict[str, Any] = field(default_factory=dict)
    created: float = 0.0
    finished: float | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in OVER


@dataclass(frozen=True)
class WorkerStatus:
    """Whether somebody is at work.

    Attributes:
        ready: the worker has loaded its libraries and takes jobs.
        doing: what it says it is doing.
        ahead: how many jobs are running or waiting.
    """

    ready: bool
    doing: str
    ahead: int


def folder_of(job_id: str) -> Path:
    """Return the folder of a job's frames and checkpoint."""
    return folders.local() / "jobs" / job_id


def submit(spec: JobSpec) -> str:
    """Queue a job and return its id.

    Raises:
        StorageError: if the queue cannot be written.
    """
    job_id = uuid.uuid4().hex[:10]
    with transaction() as session:
        now = time.time()
        session.add(
            JobRow(id=job_id, kind=spec.kind, spec=spec.model_dump_json(), created=now, updated=now)
        )
    logs.log.info(logs.line("job queued", job=job_id, **logs.facts(spec)))
    return job_id


def get(job_id: str) -> Job:
    """Return a job by its id.

    Raises:
        BadInputError: if there is none.
    """
    with transaction() as session:
        row = session.get(JobRow, job_id)
    if row is None:
        raise BadInputError(tr("There is no job “{id}” on this machine.", id=job_id[:60]))
    return as_job(row)


def requested(ids: Collection[str]) -> dict[str, str]:
    """Return what is wanted of some jobs, by id: run, pause or stop; of one deleted, nothing.

    Raises:
        StorageError: if the queue cannot be read.
    """
    wanted = select(JobRow.id, JobRow.requested).where(JobRow.id.in_(ids))
    with transaction() as session:
        return {row.id: row.requested for row in session.execute(wanted)}


def jobs(*, open_only: bool = False) -> list[Job]:
    """Return the jobs, newest first."""
    query = select(JobRow).order_by(JobRow.created.desc())
    if open_only:
        query = query.where(JobRow.state.not_in(OVER))
    with transaction() as session:
        rows = list(session.scalars(query))
    return [job for row in rows if (job := _readable(row)) is not None]


def _readable(row: JobRow) -> Job | None:
    """Return a job, or None for one that another version of the project has queued."""
    try:
        return as_job(row)
    except BadInputError:
        return None


def ask(job_id: str, requested: str) -> None:
    """Ask for a job to `run`, `pause` or `stop`; one that is over stays as it is.

    Of a job that no worker has begun this is the whole truth at once; others hear it from theirs.
    """
    job = update(JobRow).where(JobRow.id == job_id, JobRow.state.not_in(OVER))
    unowned = job.where(JobRow.owner.is_(None))
    with transaction() as session:
        logs.log.info(logs.line("asked of a job", job=job_id, requested=requested))
        session.execute(job.values(requested=requested))
        if requested == "stop":
            ended = {"state": "stopped", "sentence": "Stopped before it began."}
            never_begun = unowned.where(JobRow.attempts == 0)
            session.execute(never_begun.values(ended | {"finished": time.time()}))
        session.execute(unowned.values(state="paused" if requested == "pause" else "queued"))


def request(kind: str, payload: dict[str, Any], *, patience: float = 20.0) -> dict[str, Any]:
    """Ask the worker a small question and wait for the answer.

    Raises:
        ExplorerError: with the worker's sentence, or if it does not answer in time.
    """
    with transaction() as session:
        row = RequestRow(kind=kind, payload=json.dumps(payload), created=time.time())
        session.add(row)
        session.flush()
        number = row.id
    deadline = time.time() + patience
    while time.time() < deadline:
        time.sleep(0.03)
        with transaction() as session:
            answered = session.get(RequestRow, number)
            if answered is None or not (answered.answer or answered.error):
                continue
            session.delete(answered)
        if answered.error:
            raise ExplorerError(retold(answered.error))
        result: dict[str, Any] = json.loads(answered.answer or "{}")
        return result
    with transaction() as session:
        if (late := session.get(RequestRow, number)) is not None:
            session.delete(late)
    raise ExplorerError(tr("The worker did not answer. It may be loading a model; try again."))


def announce(what: str) -> None:
    """Let the worker get ready for what may be asked next (`MAPS_SOON`); nobody waits for it.

    Raises:
        StorageError: if the disk refuses.
    """
    with transaction() as session:
        session.add(RequestRow(kind=what, payload="{}", created=time.time()))


def worker_status() -> WorkerStatus:
    """Say whether a worker is alive and how much is waiting."""
    with transaction() as session:
        rows = list(session.scalars(select(WorkerRow)))
        waiting = select(func.count()).where(JobRow.state.in_(("queued", "running")))
        ahead = session.scalar(waiting) or 0
    fresh = [row for row in rows if time.time() - row.beat < STALE_SECONDS]
    newest = max(fresh, key=lambda row: row.beat, default=None)
    if newest is None:
        return WorkerStatus(False, "", ahead)
    return WorkerStatus(newest.ready, newest.doing, ahead)


def fair_share() -> int:
    """Return how many of the jobs that run or wait each worker that is alive should hold."""
    at_work = select(func.count()).where(JobRow.state.in_(("queued", "running")))
    ready = WorkerRow.ready.is_(True) & (WorkerRow.beat > time.time() - STALE_SECONDS)
    with transaction() as session:
        jobs = session.scalar(at_work) or 0
        workers = session.scalar(select(func.count()).select_from(WorkerRow).where(ready)) or 0
    return -(-jobs // max(1, workers))


def worker_lock(device: str) -> FileLock:
    """Return the lock that lets one worker exist for each device."""
    return LockFile(folders.make(folders.local()) / f"worker-{device_name(device)}.lock")


def compute_lock(device: str) -> FileLock:
    """Return the lock that whoever computes on a device holds: the worker or the command line.

    It has the driver's name of a GPU: whichever a process is shown first is `cuda:0` to it.
    """
    kind, _, number = device.partition(":")
    name = f"cuda-{driver_name(number or '0')}".replace("/", "-") if kind == "cuda" else kind
    return LockFile(folders.make(folders.local()) / f"compute-{name}.lock")


def device_name(device: str) -> str:
    """Return how a device is called in a file name; only of CUDA devices there can be several."""
    kind, _, number = device.partition(":")
    return f"{kind}-{number or 0}" if kind == "cuda" else kind


def ensure_workers() -> bool:
    """See that each device has its worker, as `ensure_worker` does; return whether one began."""
    began = [ensure_worker(device) for device in devices()]
    return any(began)


def ensure_worker(device: str = "auto") -> bool:
    """Start a worker unless one holds the device; return whether one was started.

    Cheap enough to call whenever a page runs. `EXPLORER_NO_WORKER=1` keeps it from starting any.

    Raises:
        StorageError: if the cache folder cannot be written.
        ExplorerError: if there is too little memory: it would die while it loads, again and again.
    """
    if os.environ.get("EXPLORER_NO_WORKER"):
        return False
    try:
        lock = worker_lock(device)
        if _is_taken(lock):
            return False
        starting = FileLock(folders.local() / f"starting-{device_name(device)}.lock")
        with starting.acquire(timeout=0):
            if _is_taken(lock):  # somebody else has just started one
                return False
            _require_memory()
            _spawn(device)
            deadline = time.time() + 5.0
            while time.time() < deadline and not _is_taken(lock):  # so that no second one begins
                time.sleep(0.05)
    except Timeout:
        return False
    except OSError as error:
        raise StorageError(
            tr(
                "No worker can be started: {folder} cannot be written ({reason}). Free some space, "
                "or set EXPLORER_CACHE to a folder you can write to.",
                folder=folders.local(),
                reason=error.strerror,
            )
        ) from error
    return True


def _require_memory() -> None:
    free, limit = limits.memory_free(), limits.memory_limit()
    if free < LOADED_BYTES:
        left = human_bytes(free)
        if limit:
            most = human_bytes(limit)
            left = tr("{free} of the {limit} that this container may use", free=left, limit=most)
        raise ExplorerError(
            tr(
                "Nothing can be computed: the worker needs about {needed} of memory to start, and "
                "{free} are free. Close other programs or allow more memory; then it starts by "
                "itself.",
                needed=human_bytes(LOADED_BYTES),
                free=left,
            )
        )


def _spawn(device: str) -> None:
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "EXPLORER_CACHE": str(folders.local())}
    with logs.output_of("worker").open("ab") as output:
        command = [sys.executable, "-m", "explorer.worker.main", "--device", device]
        worker = subprocess.Popen(  # noqa: S603  (our own module, fixed arguments)
            [*command, "--parent", str(os.getpid())],
            cwd=folders.app(),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    logs.log.info(logs.line("worker started", device=device, pid=worker.pid))


def _is_taken(lock: FileLock) -> bool:
    try:
        with lock.acquire(timeout=0):
            return False
    except Timeout:
        return True


def as_job(row: JobRow) -> Job:
    """Turn a database row into a job."""
    read = {"spec": parse(row.spec)}
    read |= {name: json.loads(getattr(row, name)) for name in ("notices", "result")}
    return Job(**{each.name: getattr(row, each.name) for each in fields(Job)} | read)
