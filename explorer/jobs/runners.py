"""How each kind of job is carried out: a generator that yields whenever others may have a turn."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from explorer import assets, catalog, store
from explorer.formatting import human_seconds
from explorer.jobs.context import JobContext
from explorer.jobs.specs import BringSpec, GenerateSpec, ReconstructSpec
from explorer.metrics import generate
from explorer.models import fast_dtype
from explorer.progress import Progress
from explorer.reconstruct import Reconstruction


def run(job: JobContext) -> Iterator[None]:
    """Carry out a job of any kind."""
    match job.spec:
        case ReconstructSpec():
            yield from _reconstruct(job, job.spec)
        case BringSpec():
            yield from _bring(job, job.spec.model, also_texts=True)
        case GenerateSpec():
            yield from _generate(job, job.spec)


def _reconstruct(job: JobContext, spec: ReconstructSpec) -> Iterator[None]:
    yield from _bring(job, spec.model)
    job.say("Loading the model.", at_once=True)
    yield
    task = Reconstruction(spec, job.pool, job.folder, job.id, store.run_folder(job.id))
    if task.resumed:
        job.notice("The worker stopped in between; this run went on from its last checkpoint.")
    job.result["h_lm"] = task.h_lm[0]
    for report in task.steps():
        job.result["solutions"] = [path.stem for _, path in sorted(task.solutions.items())]
        for sentence in task.trainer.notices:
            job.notice(sentence)
        live = [k for k, phase in enumerate(report.phase) if phase != "done"]
        step = int(report.steps[live].max()) if live else int(report.steps.max())
        pace = max(task.trainer.seconds(i) for i in range(len(report.steps))) / max(1, step)
        left = (spec.recipe.max_steps - step) * pace
        at_most = f", at most {human_seconds(left)} left" if step >= 5 else ""
        job.say(
            f"Step {step} of at most {spec.recipe.max_steps}{at_most}.",
            step / spec.recipe.max_steps,
        )
        yield
        if job.wanted == "stop":
            task.stop("stopped by hand")
            break
    job.result["solutions"] = [path.stem for _, path in sorted(task.solutions.items())]
    if job.wanted != "stop":
        job.say("Timing one forward pass against token-by-token generation.", 1.0, at_once=True)
        for found in task.race():
            if found is not None:
                store.keep_race(task.out, found)
            yield
    exact = sum(o.score.exact for o in task.outcomes())
    job.say(f"{exact} of {spec.restarts} restarts exact.", 1.0, at_once=True)


def _bring(job: JobContext, name: str, *, also_texts: bool = False) -> Iterator[None]:
    card = catalog.find(name)
    if card.folder is None:
        yield from _in_thread(job, lambda report: catalog.bring(card, report))
    wants_plays = also_texts and card.origin == "embedded"
    if wants_plays and not assets.is_present(assets.SHAKESPEARE):
        yield from _in_thread(job, lambda report: assets.fetch(assets.SHAKESPEARE, report))
    if also_texts:
        job.say(f"{card.title} is on this disk.", 1.0, at_once=True)


def _in_thread(
    job: JobContext, work: Callable[[Callable[[Progress], None]], Path]
) -> Iterator[None]:
    """Run something that waits for the network or the disk, while other jobs go on."""
    heard: queue.SimpleQueue[Progress] = queue.SimpleQueue()
    raised: list[BaseException] = []

    def body() -> None:
        try:
            work(heard.put)
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
        time.sleep(0.05)
        yield
    if raised:
        raise raised[0]


def _generate(job: JobContext, spec: GenerateSpec) -> Iterator[None]:
    yield from _bring(job, spec.model)
    card = catalog.find(spec.model)
    assert card.folder is not None
    model = job.pool.get(card.folder, card.name, fast_dtype(job.pool.device))
    context = model.tokenizer.encode(spec.context)
    room = model.max_positions - spec.length
    ids: list[int] = []
    for token in generate(model, context[-room:], spec.length, seed=spec.seed):
        ids.append(token)
        job.result["text"] = model.tokenizer.decode(ids)
        job.say(f"{len(ids)} of {spec.length} tokens.", len(ids) / spec.length)
        yield
    job.say(f"{len(ids)} tokens.", 1.0, at_once=True)
