"""How much one person may ask for at once, and the only door through which people queue jobs.

The host sets the limits; none holds for the host, nor for whoever is alone with the server.
"""

import threading
from pathlib import Path
from typing import Literal

from pydantic import Field

from explorer.assets import catalog
from explorer.base import folders
from explorer.base.errors import BadInputError
from explorer.base.formatting import counted
from explorer.base.language import tr
from explorer.base.value import Value
from explorer.jobs import client
from explorer.jobs.client import Job
from explorer.people import owners
from explorer.people.person import Person
from explorer.specs.jobs import (
    DownloadSpec,
    ExperimentSpec,
    JobSpec,
    PathsSpec,
    ReconstructSpec,
    SolveSetSpec,
)


class Limits(Value):
    """What everybody but the host has to keep to."""

    jobs: int = Field(4, ge=1, le=1000, description="Jobs under way, of one person.")
    rows: int = Field(128, ge=1, le=100_000, description="Restarts of all of them together.")
    queue: int = Field(200, ge=1, le=10_000, description="Jobs under way, of all people.")
    downloads: Literal["host", "everyone"] = Field(
        "host", description="Who may fetch models and books from the hub."
    )


_one_at_a_time = threading.Lock()


def load() -> Limits:
    """Return the limits of this server; the usual ones where none were set or they are damaged."""
    return Limits.kept(_file()) or Limits()


def keep(limits: Limits, person: Person) -> Path:
    """Set the limits of this server.

    Raises:
        BadInputError: if it is not the host who asks.
        StorageError: if the disk refuses.
    """
    owners.require_host(person)
    return limits.keep(_file())


def submit(spec: JobSpec, person: Person) -> str:
    """Queue a job as somebody's, within the limits, and return its id.

    Raises:
        BadInputError: if it is beyond a limit, with what to do.
        StorageError: if the queue cannot be read or written.
    """
    with _one_at_a_time:  # two clicks at once are counted one after the other
        require_room(spec, person)
        job_id = client.submit(spec)
        owners.note(person, job_id)
    return job_id


def require_room(spec: JobSpec, person: Person, *, of: str | None = None) -> None:
    """Refuse what is beyond a limit; none holds for the host.

    Args:
        spec: what is to run.
        person: for whom.
        of: the job that is to run again, which does not count itself.

    Raises:
        BadInputError: with what to do.
        StorageError: if the queue cannot be read.
    """
    if person.is_host:
        return
    limits = load()
    if _reads_hub(spec):
        require_hub(person)
    if isinstance(spec, DownloadSpec):
        return
    under_way = [job for job in client.jobs(open_only=True) if job.state != "paused"]
    under_way = [job for job in under_way if job.id != of]
    if len(under_way) >= limits.queue:
        raise BadInputError(
            tr(
                "The queue is full: {jobs} under way. Try again in a minute.",
                jobs=counted(len(under_way), "job"),
            )
        )
    whose = owners.owners([job.id for job in under_way])
    mine = [job for job in under_way if whose.get(job.id) == person.id]
    if len(mine) >= limits.jobs:
        raise BadInputError(
            tr(
                "You have {jobs} under way, and {most} is the most for one person on this server. "
                "Wait until one is done, or stop one.",
                jobs=counted(len(mine), "job"),
                most=limits.jobs,
            )
        )
    _require_rows(spec, mine, limits.rows)


def rows(spec: JobSpec) -> int:
    """Return how many restarts a job trains, about: what it takes of a shared pass."""
    match spec:
        case ReconstructSpec():
            return spec.restarts
        case SolveSetSpec():
            return spec.rows
        case PathsSpec():
            return len(spec.pairs) + (spec.train.restarts if spec.train else 0)
        case ExperimentSpec(settings=settings):
            texts, restarts = getattr(settings, "texts", 1), getattr(settings, "restarts", 1)
            return int(texts * restarts)
        case _:
            return 0


def require_hub(person: Person) -> None:
    """Refuse to fetch something from the hub where that is the host's to do.

    Raises:
        BadInputError: with what to do.
    """
    if not person.is_host and load().downloads == "host":
        raise BadInputError(
            tr(
                "Only the host of this server can download models and books from the hub. Ask the "
                "host, or choose what is on this server's disk."
            )
        )


def _reads_hub(spec: JobSpec) -> bool:
    """Return whether a job fetches a model, or books as it draws its texts."""
    if isinstance(spec, DownloadSpec):
        return catalog.find(spec.model).origin == "hub"
    if not isinstance(spec, ExperimentSpec | SolveSetSpec):
        return False  # its text is in it
    drawn = spec.settings if isinstance(spec, ExperimentSpec) else spec
    return "pg19" in getattr(drawn, "sources", (getattr(drawn, "source", ""),))


def _require_rows(spec: JobSpec, mine: list[Job], most: int) -> None:
    asked, had = rows(spec), sum(rows(job.spec) for job in mine)
    if asked + had <= most:
        return
    places = {"rows": counted(asked, "row"), "most": most, "had": had}
    raise BadInputError(
        tr(
            "This takes {rows} (one for each restart of each text), and {most} is the most for one "
            "person on this server. Your jobs under way have {had}. Choose fewer restarts or "
            "texts, or wait until your other jobs are done.",
            **places,
        )
        if had
        else tr(
            "This takes {rows} (one for each restart of each text), and {most} is the most for one "
            "person on this server. Choose fewer restarts or texts.",
            **places,
        )
    )


def _file() -> Path:
    return folders.local() / "limits.json"
