"""The worker's loop: it owns the models of one device and does everything heavy.

Jobs are generators. Those whose next step can be taken with others' advance together, a step each;
the worker gives every other a slice of time in turn, so that thirty people all see progress, and
answers small questions between two steps.
"""

import contextlib
import json
import math
import os
import threading
import time
from dataclasses import dataclass, field

from filelock import FileLock, Timeout
from sqlalchemy import select

from explorer.base.database import JobRow, RequestRow, WorkerRow, transaction
from explorer.base.errors import ExplorerError, StorageError
from explorer.base.language import later, tr
from explorer.geometry import projection
from explorer.jobs import client, kept, ownership
from explorer.jobs.ownership import Owner
from explorer.model.frozen import choose_device
from explorer.model.pool import ModelPool
from explorer.runtime import logs
from explorer.runtime.interruption import Interrupted
from explorer.worker import requests
from explorer.worker.context import JobContext
from explorer.worker.hands import Active, Hands
from explorer.worker.side_process import SideProcess
from explorer.worker.warming import warm_up

log = logs.log

SLICE_SECONDS = 0.5
"""How long a job that computes by itself does so before the next has its turn."""
BEHIND_SHARE = 0.2
"""Part of the time that sets, experiments and paths keep while people wait for a page."""
POLL_SECONDS = 0.2
"""How often the queue is read while computing."""
IDLE_SECONDS = 0.08
"""How often it is read when there is nothing to compute: somebody waits for a first frame."""
LEAVE_SECONDS = 2.0
"""How long a worker leaves a new job to others that hold fewer."""
TAKEN = later("Waiting: another process is computing on this device.")


@dataclass
class Worker:
    """The worker's state and its loop."""

    device_key: str
    parent: int | None
    doing: str = "starting"
    _ended: threading.Event = field(default_factory=threading.Event)
    _polled: float = -math.inf
    _prepared: bool = False
    _owed: float = 0.0
    _midway: bool = False

    def __post_init__(self) -> None:
        name, _, one_of_several = self.device_key.partition("#")
        self.device = choose_device(name)
        self.pool = ModelPool(self.device)
        self.side_process = SideProcess()
        place = self.device_key if one_of_several else str(self.device)
        self.compute: FileLock = client.compute_lock(place)
        self.owner = Owner(client.device_name(self.device_key))
        self.hands = Hands(self.owner)

    @property
    def active(self) -> dict[str, Active]:
        """The jobs that this worker has begun, by id."""
        return self.hands.active

    def run(self) -> None:
        """Work until the process that started this one is gone, or until `leave`."""
        self.owner.succeed()
        threading.Thread(target=self._heartbeat, daemon=True).start()
        warm_up(self.pool)
        self._now_doing("idle")
        while self.stays and not self._orphaned():
            if not self._turn():
                time.sleep(IDLE_SECONDS)
        self._put_down()

    def leave(self) -> None:
        """Let `run` put everything down and end: what SIGTERM asks for is no death."""
        self.hands.leaving = True

    @property
    def stays(self) -> bool:
        """Whether nobody has asked it to leave."""
        return not self.hands.leaving

    def _turn(self) -> bool:
        """Do one round: questions, new jobs, a step or slice of each; say whether there was work.

        Those for which nobody waits keep their share of the time meanwhile, one of them at a time;
        where it can, its step is taken with those of the others.
        """
        self._poll()
        for active in [a for a in self.active.values() if a.last_words is not None]:
            self.hands.finish(active)
        ready = [a for a in self.active.values() if a.ready]
        computing = [a for a in ready if a.needs_device]
        if computing and (why := self._why_not_ours()):
            for active in computing:  # whoever has the device may go on with them
                self.hands.let_go(active, state="queued", sentence=why)
            ready = [a for a in ready if not a.needs_device]
        behind = [a for a in ready if a.needs_device and a.behind]
        first, began, busy = [a for a in ready if a not in behind], time.monotonic(), False
        for active in first:
            if not active.shares:
                busy = self.stays and (self._slice(active) or busy)
        together = [a for a in first if a.shares]
        people = busy or bool(together)
        if people and behind:
            behind = [min(behind, key=lambda a: a.served)] if self._owed > 0 else []
        guests = [a for a in behind if a.shares]
        for active in behind:
            active.served, active.spent = began, 0.0
        busy = self._share(together + guests) or busy
        spent = sum(a.spent for a in guests)
        self._owed += (time.monotonic() - began - spent) * BEHIND_SHARE / (1 - BEHIND_SHARE)
        began = time.monotonic()
        for active in behind:
            if active not in guests:
                busy = self.stays and (self._slice(active) or busy)
        spent += time.monotonic() - began
        self._owed = min(SLICE_SECONDS, self._owed) - spent if people else 0.0
        if not busy:
            self._now_doing("idle")
            self.compute.release()
        return busy

    def _share(self, left: list[Active]) -> bool:
        """Let each of these take one step, as many of a model in one pass as fit.

        One that may be deadly goes alone: if a worker dies of it again, no other is suspected.
        Who comes meanwhile has a step in the next pass: a round of thirty people's steps takes
        seconds, and a newcomer waits for a first frame.

        Returns:
            Whether there were any.
        """
        worked = False
        while self.stays and (left := [a for a in left if a.shares and a.job.id in self.active]):
            left = sorted([*left, *self._newcomers()], key=lambda a: a.stepped)  # who waits first
            alike = [a for a in left if self._company(a) == self._company(left[0])]
            now = self.hands.at_once(alike)
            worked = True
            self._now_doing(" ".join(a.job.id for a in now))
            try:
                self.hands.step_together(now)
            except Interrupted:
                self._poll()
                continue
            except Exception as error:  # nobody's in particular: each takes its own step
                log.error(logs.line("shared step", jobs=len(now)) + logs.frames(error))
            self._midway = True
            for active in now:
                if self.hands.lost:  # whose step it took was not theirs
                    break
                began = time.monotonic()
                active.spent = step.share if (step := active.job.next_step) else 0.0
                active.stepped = True
                self.hands.go_on(active)
                active.spent += time.monotonic() - began
                self._poll()
            self._midway = False
            self._poll()
            left = [a for a in left if a not in now]
        return worked

    def _newcomers(self) -> list[Active]:
        """Prepare jobs that people have started meanwhile; return those that can share a step."""
        new = [a for a in self.active.values() if a.new and a.ready and not a.behind]
        for active in new:
            self._slice(active)
        return [a for a in new if a.shares]

    @staticmethod
    def _company(active: Active) -> object:
        """Return what those have in common that may take their steps together."""
        step = active.job.next_step
        return active.job.id if active.job.may_be_deadly or step is None else step.kind

    def _slice(self, active: Active) -> bool:
        """Let one job compute for a while, with an eye on questions and wishes.

        Returns:
            False when the job only waits for something else.
        """
        job = active.job
        if not active.waits:
            self._now_doing(job.id)
        end = time.monotonic() + SLICE_SECONDS  # what it took to say so is not the job's time
        while time.monotonic() < end and self.hands.go_on(active):
            self._poll()
            if active.waits or not active.ready or job.id not in self.active or not self.stays:
                return not active.waits
            if active.shares or (active.needs_device and not self.compute.is_locked):
                return True  # it is one of those who step together, or waited until now
        return True

    def _poll(self) -> None:
        """Answer questions, hear what is wanted, and take new jobs; at most every so often.

        While answers to a shared step are still to be taken, it only takes new jobs: whoever was
        put down then would stand in the middle of a step.
        """
        if self.active and time.monotonic() - self._polled < POLL_SECONDS:
            return
        try:
            if not self._midway:
                self._polled = time.monotonic()
                self._answer()
            with transaction() as session:
                query = select(JobRow).where(JobRow.state.not_in(client.OVER))
                # who killed one comes last
                rows = list(session.scalars(query.order_by(JobRow.deaths, JobRow.created)))
            if any(row.owner is not None and row.lease < time.time() for row in rows):
                self.owner.free_expired()  # heard of at the next look
            for row in rows:
                if row.id in self.active:
                    if not self._midway:
                        self.hands.hear(self.active[row.id], row)
                elif row.owner in (None, self.owner.id) and row.requested != "pause":
                    self._begin(row)
        except StorageError as error:
            log.warning(logs.line("queue not read", **logs.reason(error)))

    def _begin(self, row: JobRow) -> None:
        """Take a job that nobody owns, if it can have its turn here; end one that is to stop."""
        try:
            spec = client.as_job(row).spec
        except ExplorerError as error:  # queued by another version of the project
            ownership.tell(row.id, state="failed", error=str(error), finished=time.time())
            return
        stops = row.requested == "stop"
        if stops and row.owner is None and not kept.has_to_wrap_up(row.id, spec):
            said = tr("Stopped.") if row.attempts else tr("Stopped before it began.")
            ownership.tell(row.id, state="stopped", sentence=said, finished=time.time())
        elif not stops and (why := self._why_not_ours()):
            if row.sentence != why:
                ownership.tell(row.id, sentence=why)
        elif not self._leaves_to_another(row) and self.owner.claim(row.id):
            job = JobContext(row.id, spec, self.pool, self.side_process, self.owner, row.requested)
            job.result, job.notices = json.loads(row.result), json.loads(row.notices)
            job.deaths = row.deaths if row.mark < ownership.PROGRESS else 0
            self.hands.begin(job, row.attempts + 1)

    def _leaves_to_another(self, row: JobRow) -> bool:
        """Whether this worker has its share of the jobs, so that another one takes a new job."""
        if not self.active or time.time() - row.created > LEAVE_SECONDS:
            return False
        return sum(not a.paused for a in self.active.values()) >= client.fair_share()

    def _answer(self) -> None:
        """Answer small questions; each takes well under a second once its model is loaded."""
        for number in ownership.open_questions():
            if (row := self.owner.claim_question(number)) is None:
                continue
            answer, error = None, None
            if row.kind == client.MAPS_SOON:
                self._prepare_maps()
            else:
                answer, error = self._answer_to(row)
            with transaction() as session:
                asked = session.get(RequestRow, number)
                if asked is not None and asked.owner == self.owner.id:  # else another has its id
                    asked.answer, asked.error = answer, error
                    if row.kind == client.MAPS_SOON:  # nobody waits for an answer
                        session.delete(asked)

    def _answer_to(self, row: RequestRow) -> tuple[str | None, str | None]:
        """Return the answer to a question, or else the error in a sentence."""
        doing, answer, error, began = self.doing, None, None, time.monotonic()
        self._now_doing("answering")
        try:
            answer = json.dumps(requests.answer(row.kind, json.loads(row.payload), self.pool))
        except ExplorerError as problem:
            error = str(problem)
        except Exception as problem:
            log.error(logs.line("unexpected", request=row.kind) + logs.frames(problem))
            error = tr("The worker could not answer ({why}).", why=type(problem).__name__)
        outcome = "request refused" if error else "request answered"
        log.info(logs.line(outcome, kind=row.kind, seconds=time.monotonic() - began))
        self._now_doing(doing)  # it may be in the middle of a job's time
        return answer, error

    def _why_not_ours(self) -> str:
        """Hold the compute lock if that is possible; else return why not, in a sentence."""
        if self.compute.is_locked:
            return ""
        try:
            self.compute.acquire(timeout=0)
        except Timeout:
            return TAKEN
        except StorageError as error:
            return f"Waiting: {error}"
        return ""

    def _prepare_maps(self) -> None:
        """Let UMAP compile, once: somebody looks at a map that is not made yet."""
        if not self._prepared:
            self._prepared = True
            self.side_process.submit(projection.warm_up)

    def _put_down(self) -> None:
        """Leave every job so that the next worker can go on with it."""
        self._now_doing("ended")
        self.hands.put_down()
        self.compute.release()
        self.side_process.close()
        self._ended.set()

    def _orphaned(self) -> bool:
        return self.parent is not None and os.getppid() != self.parent

    def _now_doing(self, what: str) -> None:
        """Note what the worker is at, before it is: if it dies of it, its successor knows."""
        if what != self.doing:
            self.doing = what
            with contextlib.suppress(StorageError):
                self._give_sign()

    def _heartbeat(self) -> None:
        while not self._ended.wait(1.0):
            with contextlib.suppress(StorageError):
                self.owner.renew(list(self.active))
                self._give_sign()

    def _give_sign(self) -> None:
        with transaction() as session:
            session.merge(
                WorkerRow(
                    device=self.owner.place,
                    pid=os.getpid(),
                    beat=time.time(),
                    doing=self.doing,
                    ready=self.doing not in ("starting", "ended"),
                )
            )
