"""How jobs about paths, landscapes and radii are carried out: generators, as in `runners`."""

from collections.abc import Callable, Iterator

from explorer.base.errors import BadInputError
from explorer.paths import places
from explorer.paths.result import Paths
from explorer.solutions import store
from explorer.solutions.solution import Solution
from explorer.specs.jobs import LandscapeSpec, PathsSpec, RadiusSpec, ReconstructSpec
from explorer.tasks.landscape.measuring import LandscapeTask
from explorer.tasks.landscape.radius import RadiusTask
from explorer.tasks.paths.connecting import Connecting
from explorer.worker.context import JobContext

Train = Callable[[JobContext, ReconstructSpec], Iterator[bool]]


def connect(job: JobContext, spec: PathsSpec, train: Train) -> Iterator[bool]:
    """Connect every pair, after training two solutions if that is asked.

    Args:
        job: the job.
        spec: what is asked.
        train: carries out a reconstruction within this job.
    """
    if spec.train is not None and "trained" not in job.result:
        yield from train(job, spec.train)
        if job.stopped:
            return
        job.result["trained"] = True
    pairs = [(store.open_solution(a), store.open_solution(b)) for a, b in spec.pairs]
    if spec.train is not None:
        pairs = [_first_two(job.result.get("solutions", []))]
    if not pairs:
        raise BadInputError("There is nothing to connect: pick two solutions.")
    job.say("Loading the model.", at_once=True)
    yield True
    folder = places.folder_of(job.id)
    task = Connecting(pairs, spec.curve, spec.recipe, job.pool, folder, job=job.id)
    _note_resumed(job, task.resumed)
    for _ in job.until_stopped(task.steps()):
        job.say(task.sentence, task.fraction)
        yield True
    if job.stopped:
        job.say("Measuring what has been found.", at_once=True)
        for _ in task.stopping():
            yield True
    job.say(_outcome(task.paths), 1.0, at_once=True)


def landscape(job: JobContext, spec: LandscapeSpec) -> Iterator[bool]:
    """Measure a plane, coarse first."""
    paths = Paths.load(places.find_paths(spec.paths))
    job.say("Loading the model.", at_once=True)
    yield True
    task = LandscapeTask(paths, spec, job.pool, places.folder_of(job.id), job.id)
    _note_resumed(job, task.resumed)
    for _ in job.until_stopped(task.steps()):
        job.say(task.sentence, task.fraction)
        yield True
    job.say(task.sentence, 1.0, at_once=True)


def radius(job: JobContext, spec: RadiusSpec) -> Iterator[bool]:
    """Walk away from one solution."""
    solution = store.open_solution(spec.solution)
    job.say("Loading the model.", at_once=True)
    yield True
    task = RadiusTask(solution, spec, job.pool, places.folder_of(job.id), job.id)
    _note_resumed(job, task.resumed)
    for _ in job.until_stopped(task.steps()):
        job.say(task.sentence, task.fraction)
        yield True
    job.say(task.sentence, 1.0, at_once=True)


def _note_resumed(job: JobContext, resumed: bool) -> None:
    if resumed:
        job.notice("Interrupted in between; this went on from its last checkpoint.")


def _first_two(ids: list[str]) -> tuple[Solution, Solution]:
    exact = [s for s in map(store.open_solution, ids) if s.record.exact]
    if len(exact) < 2:
        raise BadInputError(
            f"{len(exact)} of {len(ids)} restarts became exact, and a path needs two. Try a "
            "shorter length, more restarts or another seed."
        )
    return exact[0], exact[1]


def _outcome(paths: Paths) -> str:
    measured, connected = int(paths.measured.sum()), int(paths.connected.sum())
    if len(paths) > 1:
        return f"{connected} of {measured} pairs connected."
    if not measured:
        return "Stopped before its first measurement."
    state = "connected" if connected else "not connected"
    return f"{paths.steps[0]} steps: {state}, length ratio {paths.ratio(0):.3f}."
