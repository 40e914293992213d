"""How a job of any kind is carried out: its tasks one after the other, all driven the same way.

A generator yields whenever others may have a turn: True after computing, False while it only waits
for something that needs no device: the network, the disk, another job. After waiting it yields True
once more before it computes.
"""

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from explorer.base.errors import BadInputError
from explorer.base.formatting import counted
from explorer.base.language import later, tr
from explorer.base.progress import Progress, Waiting
from explorer.geometry import maps, measure_distances
from explorer.inside import others
from explorer.jobs import kept
from explorer.paths import places
from explorer.paths.result import Paths
from explorer.runtime.interruption import Interrupted
from explorer.solutions import sets, store
from explorer.solutions.solution import Solution
from explorer.specs.jobs import (
    DepthSpec,
    DistancesSpec,
    DownloadSpec,
    ExperimentSpec,
    GenerateSpec,
    InsideSpec,
    LandscapeSpec,
    MapSpec,
    PathsSpec,
    RadiusSpec,
    ReconstructSpec,
    RolesSpec,
    SolveSetSpec,
)
from explorer.tasks.experiments.task import RunTask
from explorer.tasks.generate import Continuation
from explorer.tasks.inside.depth import DepthTask, StatesTask
from explorer.tasks.inside.looking import InsideTask
from explorer.tasks.inside.roles import RolesTask
from explorer.tasks.landscape.measuring import LandscapeTask
from explorer.tasks.landscape.radius import RadiusTask
from explorer.tasks.paths.connecting import Connecting
from explorer.tasks.probe import Probe
from explorer.tasks.reconstruct import Reconstruction
from explorer.tasks.sets.building import SetBuilder
from explorer.tasks.step_time import timing
from explorer.tasks.task import Task
from explorer.worker import side_process
from explorer.worker.context import JobContext
from explorer.worker.errands import Download, InSideProcess

POLL_SECONDS = 5.0
"""How often a job looks whether another one makes the same thing."""
LOADING = later("Loading the model.")
LAYING_OUT = {
    "pca": later("Laying the solutions out."),
    "umap": later(
        "Laying the solutions out. The first UMAP of a worker takes a quarter of a minute, "
        "longer beside other work."
    ),
}
DIED = later(
    "The process that {works} ended before it was done, most likely for want of memory. Start "
    "again, {how}."
)

Stage = tuple[str, Callable[[], Task]]
"""What is said while a task is made, if that takes a while, and what makes it."""


def run(job: JobContext) -> Iterator[bool]:
    """Carry out a job of any kind."""
    for sentence, make in STAGES[job.spec.kind](job, job.spec):
        if sentence:
            job.say(sentence, at_once=True)
            yield True
        task = make()
        yield from _drive(job, task)
        if job.stopped:
            break
    if task.outcome:
        job.say(task.outcome, None if job.stopped else 1.0, at_once=True)


def _drive(job: JobContext, task: Task) -> Iterator[bool]:
    """Take the steps of a task until it is done or the job is to stop."""
    _take_over(job, task)
    if task.timing is not None:  # so that later estimates are of this machine as it is now
        with contextlib.suppress(Interrupted):  # whoever wants that is heard below
            for progress in timing(*task.timing):
                job.say(progress.sentence)
                yield True
                if job.requested == "stop":
                    break
    looked, both = -math.inf, ""
    with contextlib.closing(task.steps()) as steps:
        for progress in steps:
            _take_over(job, task)
            if task.makes and time.monotonic() - looked >= POLL_SECONDS:
                looked = time.monotonic()
                others = kept.others_on(task.makes, job.result[task.makes], job.id)
                both = task.makes if others else ""
            waits = isinstance(progress, Waiting)  # and says itself for whom
            said = progress.sentence
            if both and not waits:
                said = tr("{said} Another job shares this {what}.", said=said, what=tr(both))
            job.say(said, progress.fraction)
            job.next_step = task.next_step
            yield not waits
            job.next_step = None
            if job.requested == "stop":
                job.stopped = True
                break
    if job.stopped:
        for progress in task.stopping():
            job.say(progress.sentence, progress.fraction, at_once=True)
            yield True
    _take_over(job, task)
    job.afterwards.append(task.discard)


def _take_over(job: JobContext, task: Task) -> None:
    """Note with the job what its task has made by now, and what a person should know."""
    job.result |= task.result
    for sentence in task.notices:
        job.notice(sentence)


def _reconstruct(job: JobContext, spec: ReconstructSpec) -> Iterator[Stage]:
    yield "", partial(Download, spec.model)
    out = store.run_folder(job.id)
    if job.requested != "stop":  # then it saves what an earlier worker has left, and that is all
        yield LOADING, lambda: Probe(spec, job.pool)
    yield LOADING, lambda: Reconstruction(spec, job.pool, job.folder, job.id, out)


def _download(_: JobContext, spec: DownloadSpec) -> Iterator[Stage]:
    yield "", partial(Download, spec.model, texts=True)


def _generate(job: JobContext, spec: GenerateSpec) -> Iterator[Stage]:
    yield "", partial(Download, spec.model)
    yield LOADING, lambda: Continuation(spec, job.pool)


def _solve_set(job: JobContext, spec: SolveSetSpec) -> Iterator[Stage]:
    yield "", partial(Download, spec.model)
    yield LOADING, lambda: Probe(spec, job.pool)
    yield "", lambda: SetBuilder(spec, job.pool, job.id)


def _experiment(job: JobContext, spec: ExperimentSpec) -> Iterator[Stage]:
    yield "", partial(Download, spec.model, texts=True)
    asked, preset = spec.settings, spec.preset
    yield LOADING, lambda: Probe(asked, job.pool)
    yield "", lambda: RunTask(asked, job.pool, preset=preset, job=job.id)


def _paths(job: JobContext, spec: PathsSpec) -> Iterator[Stage]:
    """Connect every pair, after training two solutions if that is asked."""
    if spec.train is not None and "trained" not in job.result:
        yield from _reconstruct(job, spec.train)
        job.result["trained"] = True
    pairs = [(store.open_solution(a), store.open_solution(b)) for a, b in spec.pairs]
    if spec.train is not None:
        pairs = [_first_two(job.result.get("solutions", []))]
    if not pairs:
        raise BadInputError(tr("There is nothing to connect: pick two solutions."))
    folder = places.folder_of(job.id)
    yield LOADING, lambda: Connecting(pairs, spec.curve, spec.recipe, job.pool, folder, job=job.id)


def _first_two(ids: list[str]) -> tuple[Solution, Solution]:
    exact = [s for s in map(store.open_solution, ids) if s.record.exact]
    if len(exact) < 2:
        raise BadInputError(
            tr(
                "{exact} of {ids} restarts became exact, and a path needs two. Try a "
                "shorter length, more restarts or another seed.",
                exact=len(exact),
                ids=len(ids),
            )
        )
    return exact[0], exact[1]


def _landscape(job: JobContext, spec: LandscapeSpec) -> Iterator[Stage]:
    paths, folder = Paths.load(places.find_paths(spec.paths)), places.folder_of(job.id)
    yield LOADING, lambda: LandscapeTask(paths, spec, job.pool, folder, job.id)


def _radius(job: JobContext, spec: RadiusSpec) -> Iterator[Stage]:
    solution, folder = store.open_solution(spec.solution), places.folder_of(job.id)
    yield LOADING, lambda: RadiusTask(solution, spec, job.pool, folder, job.id)


def _inside(job: JobContext, spec: InsideSpec) -> Iterator[Stage]:
    solution, folder = store.open_solution(spec.solution), places.folder_of(job.id)
    swap = others.chosen(solution, spec.other)
    yield LOADING, lambda: InsideTask(solution, spec, job.pool, folder, job.id, swap)


def _depth(job: JobContext, spec: DepthSpec) -> Iterator[Stage]:
    yield LOADING, lambda: DepthTask(sets.read(sets.find(spec.set)), job.pool)


def _roles(job: JobContext, spec: RolesSpec) -> Iterator[Stage]:
    yield LOADING, lambda: RolesTask(sets.read(sets.find(spec.set)), job.pool)


def _distances(job: JobContext, spec: DistancesSpec) -> Iterator[Stage]:
    doing = Progress(tr("Measuring distances."), 0.0)
    make = measure_distances.make_and_save
    yield (
        doing.sentence,
        lambda: InSideProcess(
            job.side_process,
            lambda: job.side_process.submit(make, spec.set, side_process.tell),
            doing=doing,
            done=lambda pairs: f"{counted(pairs, 'pair')}.",
            dies=DIED.format(works=later("measures distances"), how=later("with fewer solutions")),
        ),
    )


def _map(job: JobContext, spec: MapSpec) -> Iterator[Stage]:
    states = None if spec.place is None else job.folder / "states.npz"
    if states is not None and maps.load(spec) is None:
        yield LOADING, partial(StatesTask, spec, job.pool, states)
    doing = Progress(LAYING_OUT[spec.method], 0.1)
    yield (
        doing.sentence,
        lambda: InSideProcess(
            job.side_process,
            lambda: job.side_process.submit(maps.make_and_save, spec, states),
            doing=doing,
            done=lambda n: tr("{points} laid out.", points=counted(n, spec.noun)),
            dies=DIED.format(
                works=later("lays maps out"), how=later("with fewer solutions or with PCA")
            ),
        ),
    )


STAGES: dict[str, Callable[[JobContext, Any], Iterator[Stage]]] = {
    "reconstruct": _reconstruct,
    "bring": _download,
    "generate": _generate,
    "solve-set": _solve_set,
    "experiment": _experiment,
    "paths": _paths,
    "landscape": _landscape,
    "radius": _radius,
    "inside": _inside,
    "depth": _depth,
    "roles": _roles,
    "distances": _distances,
    "map": _map,
}
"""The tasks of each kind of job, in order; each is made when the one before it has ended."""
