"""What a job has left on the disk to go on from, and how one that failed does. Free of torch."""

from pathlib import Path

from sqlalchemy import update

from explorer.base.database import JobRow, transaction
from explorer.base.language import later
from explorer.jobs import client
from explorer.jobs.client import Job
from explorer.paths import places
from explorer.paths.result import FILE
from explorer.specs.jobs import ExperimentSpec, JobSpec, PathsSpec, ReconstructSpec, SolveSetSpec


def checkpoint_in(folder: Path) -> Path:
    """Return the file from which a reconstruction goes on, in its job's folder."""
    return folder / "checkpoint.safetensors"


def is_shared(spec: JobSpec) -> bool:
    """Whether another job may wait for what this one holds while it works: a cell, or a set."""
    return isinstance(spec, ExperimentSpec | SolveSetSpec)


def others_on(what: str, name: str, job_id: str) -> bool:
    """Whether another job than `job_id` makes the same set or run and is not over.

    Args:
        what: "set" or "run", where results have its id.
        name: its id.
        job_id: the job that asks.
    """
    others = (job for job in client.jobs(open_only=True) if job.id != job_id)
    return any(job.state == "running" and job.result.get(what) == name for job in others)


def has_to_wrap_up(job_id: str, spec: JobSpec) -> bool:
    """Whether a job that stops still makes results of what it left: of a checkpoint."""
    left = checkpoint_in(client.folder_of(job_id)), places.folder_of(job_id) / FILE
    return isinstance(spec, ReconstructSpec | PathsSpec) and any(file.is_file() for file in left)


def can_resume(job: Job) -> bool:
    """Whether a job that failed has something to go on from."""
    if job.state != "failed":
        return False
    plane = places.folder_of(job.id) / places.LANDSCAPE
    known = (is_shared(job.spec) and bool(job.result)) or plane.is_file()
    return known or has_to_wrap_up(job.id, job.spec)


def resume(job_id: str) -> None:
    """Queue a job that failed again; it goes on from what it left on the disk.

    Raises:
        StorageError: if the queue cannot be written.
    """
    failed = update(JobRow).where(JobRow.id == job_id, JobRow.state == "failed")
    with transaction() as session:
        session.execute(
            failed.values(
                state="queued",
                requested="run",
                error=None,
                finished=None,
                deaths=0,
                sentence=later("Waiting for its turn."),
            )
        )
