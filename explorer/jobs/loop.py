"""The worker's loop: it owns the models of one device and does everything heavy.

Jobs are generators; the worker gives each that runs a slice of time in turn, so that thirty
people all see progress, and answers small questions between two steps.
"""

import contextlib
import json
import math
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from filelock import FileLock, Timeout
from sqlalchemy import select

from explorer import catalog, logs, projection
from explorer.allocator import give_memory_back
from explorer.database import JobRow, RequestRow, WorkerRow, transaction
from explorer.errors import ExplorerError, StorageError
from explorer.interruption import listening
from explorer.jobs import client, requests, runners
from explorer.jobs.aside import Aside
from explorer.jobs.context import JobContext
from explorer.models import choose_device
from explorer.pool import ModelPool
from explorer.recipes import FAST
from explorer.training import Row, Trainer

log = logs.log

SLICE_SECONDS = 0.5
"""How long one job computes before the next has its turn."""
LOOK_SECONDS = 0.2
"""How often the queue is read while computing."""
IDLE_SECONDS = 0.08
"""How often it is read when there is nothing to compute: somebody waits for a first frame."""
WARM_UP_LENGTH, WARM_UP_RESTARTS = 24, 4
"""Shape of the step that is taken before anybody asks: what the page begins with."""
MAX_ATTEMPTS = 3
"""How often a job may take the worker down with it before it is given up."""


@dataclass
class Active:
    """A job that has begun."""

    job: JobContext
    steps: Iterator[bool]
    paused: bool = False
    began: float = field(default_factory=time.monotonic)


@dataclass
class Worker:
    """The worker's state and its loop."""

    device_key: str
    parent: int | None
    active: dict[str, Active] = field(default_factory=dict)
    doing: str = "starting"
    _ended: threading.Event = field(default_factory=threading.Event)
    _looked: float = -math.inf
    _prepared: bool = False

    def __post_init__(self) -> None:
        self.device = choose_device(self.device_key)
        self.pool = ModelPool(self.device)
        self.aside = Aside()
        self.compute: FileLock = client.compute_lock(str(self.device))

    def run(self) -> None:
        """Work until the process that started this one is gone."""
        threading.Thread(target=self._beat_on, daemon=True).start()
        self._take_over()
        self._warm_up()
        self.doing = "idle"
        while not self._orphaned():
            if not self._turn():
                time.sleep(IDLE_SECONDS)
        self._put_down()

    def _turn(self) -> bool:
        """Do one round: questions, new jobs, a slice of each; return whether there was work."""
        self._look()
        runnable = [a for a in self.active.values() if not a.paused]
        if not runnable:
            self.doing = "idle"
            self._let_go()
            return False
        if not self._compute_is_ours(runnable):
            return False
        busy = False
        for active in runnable:
            self.doing = active.job.id
            busy = self._slice(active) or busy
        return busy

    def _slice(self, active: Active) -> bool:
        """Let one job compute for a while, with an eye on questions and wishes.

        Returns:
            False when the job only waits for the network or the disk.
        """
        job, end = active.job, time.monotonic() + SLICE_SECONDS
        try:
            while time.monotonic() < end:
                with listening(job.is_unwanted):
                    waits = next(active.steps) is False
                self._look()
                if job.wanted == "pause":
                    self._pause(active)
                if job.wanted == "pause" or waits:
                    return not waits
        except StopIteration:
            self._close(active, "stopped" if job.stopped else "done")
        except ExplorerError as error:
            self._close(active, "failed", str(error), error)
        except Exception as error:
            log.error(logs.line("unexpected", job=job.id) + logs.frames(error))
            self._close(
                active,
                "failed",
                f"Something unexpected happened ({type(error).__name__}: {str(error)[:200]}). "
                "The details are in worker.log in the cache folder.",
                error,
            )
        return True

    def _look(self) -> None:
        """Answer questions, take new jobs, and hear what is wanted; at most every so often."""
        if self.active and time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        try:
            self._answer()
            with transaction() as session:
                query = select(JobRow).where(JobRow.state.not_in(client.OVER))
                rows = list(session.scalars(query.order_by(JobRow.created)))
            for row in rows:
                if row.id in self.active:
                    self._hear(self.active[row.id], row.wanted)
                else:
                    self._begin(row)
        except StorageError as error:
            log.warning("%s", error)

    def _begin(self, row: JobRow) -> None:
        """Take a job that is queued, or that an earlier worker left."""
        if row.wanted == "pause":
            return
        try:
            spec = client.as_job(row).spec
        except ExplorerError as error:  # queued by another version of the project
            self._give_up(row.id, str(error))
            return
        job = JobContext(row.id, spec, self.pool, self.aside, wanted=row.wanted)
        job.result, job.notices = json.loads(row.result), json.loads(row.notices)
        if row.wanted == "stop" and row.attempts == 0:
            job.update(state="stopped", finished=time.time(), sentence="Stopped before it began.")
            return
        if row.attempts >= MAX_ATTEMPTS:
            self._give_up(
                row.id,
                f"The worker died {row.attempts} times during this job, most likely for want of "
                "memory. Try a smaller model, a shorter length or fewer restarts.",
            )
            return
        job.update(state="running", attempts=row.attempts + 1)
        log.info(logs.line("job begun", job=row.id, attempt=row.attempts + 1, **logs.facts(spec)))
        self.active[row.id] = Active(job, runners.run(job))

    def _give_up(self, job_id: str, why: str) -> None:
        log.error(logs.line("job given up", job=job_id))
        with transaction() as session:
            if (row := session.get(JobRow, job_id)) is not None:
                row.state, row.error, row.finished = "failed", why, time.time()

    def _hear(self, active: Active, wanted: str) -> None:
        job = active.job
        job.wanted = wanted
        if active.paused and wanted != "pause":
            active.paused = False
            log.info(logs.line("job resumed", job=job.id))
            job.update(state="running")

    def _pause(self, active: Active) -> None:
        active.paused = True
        log.info(logs.line("job paused", job=active.job.id))
        active.job.update(state="paused")

    def _close(
        self,
        active: Active,
        state: str,
        error: str | None = None,
        cause: Exception | None = None,
    ) -> None:
        took = time.monotonic() - active.began
        log.info(logs.line(f"job {state}", job=active.job.id, seconds=took, **logs.reason(cause)))
        active.steps.close()  # type: ignore[attr-defined]
        del self.active[active.job.id]
        with contextlib.suppress(StorageError):
            active.job.update(state=state, error=error, finished=time.time())
        if not self.active:
            give_memory_back()

    def _answer(self) -> None:
        """Answer small questions; each takes well under a second once its model is loaded."""
        with transaction() as session:
            waiting = select(RequestRow).where(
                RequestRow.answer.is_(None), RequestRow.error.is_(None)
            )
            rows = list(session.scalars(waiting))
            announced = [row for row in rows if row.kind == client.MAPS_SOON]
            for row in announced:
                session.delete(row)
        if announced:
            self._prepare_maps()
        for row in (row for row in rows if row not in announced):
            answer, error, began = None, None, time.monotonic()
            try:
                answer = json.dumps(requests.answer(row.kind, json.loads(row.payload), self.pool))
            except ExplorerError as problem:
                error = str(problem)
            except Exception as problem:
                log.error(logs.line("unexpected", request=row.kind) + logs.frames(problem))
                error = f"The worker could not answer ({type(problem).__name__})."
            with transaction() as session:
                if (asked := session.get(RequestRow, row.id)) is not None:
                    asked.answer, asked.error = answer, error
            outcome = "request refused" if error else "request answered"
            log.info(logs.line(outcome, kind=row.kind, seconds=time.monotonic() - began))

    def _compute_is_ours(self, runnable: list[Active]) -> bool:
        """Hold the compute lock while there is work; say so when somebody else computes."""
        if self.compute.is_locked:
            return True
        try:
            self.compute.acquire(timeout=0)
        except Timeout:
            for active in runnable:
                with contextlib.suppress(StorageError):
                    active.job.say("Waiting: the command line is using this device.")
            return False
        except StorageError as error:
            for active in runnable:
                with contextlib.suppress(StorageError):
                    active.job.say(f"Waiting: {error}")
            return False
        return True

    def _let_go(self) -> None:
        if self.compute.is_locked:
            self.compute.release()

    def _take_over(self) -> None:
        """Queue again what an earlier worker was in the middle of."""
        with transaction() as session:
            for row in session.scalars(select(JobRow).where(JobRow.state == "running")):
                row.state, row.sentence = "queued", "Taken over by a new worker."
                log.warning(logs.line("job taken over from a dead worker", job=row.id))

    def _warm_up(self) -> None:
        """Load the embedded model if it is here, and take a step, so that Start answers at once."""
        card = catalog.known_models()[0]
        if card.folder is not None:
            with contextlib.suppress(ExplorerError):
                model = self.pool.searching(card.folder, card.name)
                self.pool.get(card.folder, card.name, torch.float32)
                rows = [Row(tuple(range(WARM_UP_LENGTH)), seed) for seed in range(WARM_UP_RESTARTS)]
                Trainer(model, rows, "e+mN", FAST).step(detail=True)

    def _prepare_maps(self) -> None:
        """Let UMAP compile, once: somebody looks at a map that is not made yet."""
        if not self._prepared:
            self._prepared = True
            self.aside.submit(projection.warm_up)

    def _put_down(self) -> None:
        """Leave every job so that the next worker can go on with it."""
        for active in list(self.active.values()):
            active.steps.close()  # type: ignore[attr-defined]
            with contextlib.suppress(StorageError):
                active.job.update(state="queued", attempts=1, sentence="Waiting for a worker.")
                log.info(logs.line("job put down", job=active.job.id))
        self.aside.close()
        self._ended.set()

    def _orphaned(self) -> bool:
        return self.parent is not None and os.getppid() != self.parent

    def _beat_on(self) -> None:
        while not self._ended.wait(1.0):
            with contextlib.suppress(StorageError), transaction() as session:
                session.merge(
                    WorkerRow(
                        device=self.device_key,
                        pid=os.getpid(),
                        beat=time.time(),
                        doing=self.doing,
                        ready=self.doing != "starting",
                    )
                )
