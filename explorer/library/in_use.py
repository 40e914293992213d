"""Finds the files that open jobs write or read: they cannot be deleted meanwhile. Free of torch.

Otherwise a job goes on writing into a folder that was moved away, and what was deleted finds its
place taken when it is to come back.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from explorer.base.errors import BadInputError, ExplorerError
from explorer.base.language import later, tr
from explorer.experiments import runs
from explorer.jobs import client
from explorer.jobs.client import Job
from explorer.paths import places
from explorer.people import owners
from explorer.people.person import names
from explorer.solutions import sets, store
from explorer.specs.jobs import ExperimentSpec, SolveSetSpec, names_in

PAGES = {
    "solve-set": later("Sets"),
    "distances": later("Distances"),
    "depth": later("Distances"),
    "roles": later("e against m"),
    "map": later("Maps"),
    "paths": later("Paths"),
    "landscape": later("Landscape"),
    "radius": later("Landscape"),
    "inside": later("Inside"),
}
"""Where jobs are stopped; all others on the Reconstruct page, or that of their experiment."""


Use = tuple[Job, bool]
"""A job that is at a file or folder, and whether it makes that; else it reads it."""


def require_free(paths: Iterable[Path]) -> None:
    """Make sure that no open job is at any of these files and folders, or at a part of one.

    Raises:
        BadInputError: if one is, with what to do.
        StorageError: if the queue cannot be read.
    """
    used: dict[Path, Use] = {}
    around: dict[Path, Use] = {}
    jobs = client.jobs(open_only=True)
    made = [(path, (job, True)) for job in jobs for path in _made_by(job)]
    read = [(path, (job, False)) for job in jobs for path in _read_by(job)]
    for place, use in made + read:
        used.setdefault(place, use)
        for folder in place.parents:
            around.setdefault(folder, use)
    for path in paths if used else ():
        at = next((used[place] for place in (path, *path.parents) if place in used), None)
        if found := at or around.get(path):
            raise BadInputError(_sentence(*found))


def _sentence(job: Job, makes: bool) -> str:
    """Say why what a job is at cannot be deleted, and what to do."""
    page = PAGES.get(job.spec.kind, later("Reconstruct"))
    if isinstance(job.spec, ExperimentSpec):
        page = job.spec.settings.experiment.replace("-", " ").capitalize()
    why = (
        tr("The job {id} is not over and makes this.", id=job.id)
        if makes
        else tr("The job {id} is not over and needs this.", id=job.id)
    )
    said = [why, tr("Stop it on the page {page}, then delete.", page=tr(page))]
    if owner := owners.owners([job.id]).get(job.id):
        said.append(tr("Only {name} and the host can stop it.", name=names([owner])[owner]))
    return " ".join(said)


def _made_by(job: Job) -> Iterator[Path]:
    yield from (client.folder_of(job.id), store.run_folder(job.id), places.folder_of(job.id))
    spec = job.spec
    if isinstance(spec, SolveSetSpec):
        if "set" in job.result:
            yield sets.folder_of(str(job.result["set"]))
        found = sets.SETS.all()  # it will go on with that
        yield from (s.folder for s in found if s.said and s.said.spec == spec)
    if isinstance(spec, ExperimentSpec):
        if "run" in job.result:
            yield runs.folder_of(str(job.result["run"]))
        known = runs.RUNS.all()
        yield from (r.folder for r in known if r.said and r.said.settings == spec.settings)


def _read_by(job: Job) -> Iterator[Path]:
    """Yield what a job reads whenever it is taken up; what is gone is left out."""
    for kind, name in dict.fromkeys(names_in(job.spec)):
        if kind in FINDERS:
            with suppress(ExplorerError):
                yield FINDERS[kind](name)


def _solution(name: str) -> Path:
    return Path(name).absolute() if "/" in name else store.find(name)


FINDERS: dict[str, Callable[[str], Path]] = {
    "solution": _solution,
    "set": sets.find,
    "paths": places.find_paths,
}
"""How what a job names is found."""
