"""The jobs in a worker's hands: begun, put down, waited for and let go; not whose turn it is.

Whatever happens to a job ends in words in its row. Where these cannot be written the worker keeps
the job until they are, so that none is done in its files and for ever running in the queue.
"""

import contextlib
import errno
import math
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch

from explorer.base.database import JobRow
from explorer.base.errors import ExplorerError, StorageError
from explorer.base.files import guarded
from explorer.base.language import tr
from explorer.jobs import client, kept
from explorer.jobs.ownership import QUEUED, LostError, Owner
from explorer.people import owners
from explorer.runtime import logs
from explorer.runtime.interruption import listening
from explorer.runtime.process import give_memory_back
from explorer.training.shared_pass import take_together, that_fit
from explorer.worker import runners
from explorer.worker.context import JobContext

log = logs.log

RETRY_SECONDS = (2.0, 60.0)
"""How long a job waits whose files or rows could not be written: at first, doubled, and at most."""

HEAR_SECONDS = 0.5
"""How often the queue is read in the middle of a step."""
WELCOME_SECONDS = 20.0
"""For how long after somebody has come others are expected, as when a class begins."""
SHORT_SECONDS = 1.2
"""How long a pass may take meanwhile: whoever comes during it waits for its end."""
BEHIND = ("solve-set", "experiment", "paths", "landscape", "radius", "depth", "roles")
"""Kinds of jobs that take long: nobody sits and waits for them."""
PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EAGAIN, errno.EROFS, errno.ESTALE)
"""What the system says of a disk that may be well again later."""


@dataclass
class Active:
    """A job that this worker owns and has begun.

    Attributes:
        job: the job.
        steps: its work, as `runners.run` gives it.
        new: whether it has never had a turn.
        stepped: whether it has taken a step with others: until then nobody has seen a frame of it.
        paused: whether it rests.
        waits: whether it said last that it needs no device, since it waits for something else.
        retry_at: monotonic time before which it is left alone, since the disk refused.
        failures: how often the disk has refused in a row.
        last_words: what its row will say when it is out of these hands.
        began: monotonic time when it was taken up.
        served: when it last had a turn of the share that is left to those who are behind.
        spent: seconds of its last step with others: its part of the passes, and what it did then.
    """

    job: JobContext
    steps: Iterator[bool]
    new: bool = True
    stepped: bool = False
    paused: bool = False
    waits: bool = False
    retry_at: float = -math.inf
    failures: int = 0
    last_words: dict[str, object] | None = None
    began: float = field(default_factory=time.monotonic)
    served: float = -math.inf
    spent: float = 0.0

    @property
    def ready(self) -> bool:
        """Whether it may have a turn."""
        if self.paused or self.last_words is not None:
            return False
        return self.job.requested == "stop" or time.monotonic() >= self.retry_at

    @property
    def shares(self) -> bool:
        """Whether its next step can be taken together with those of others."""
        return self.ready and self.job.requested == "run" and self.job.next_step is not None

    @property
    def tokens(self) -> int:
        """Target tokens of all rows that its next step moves, if it can be taken with others'."""
        return sum(self.job.next_step.training.live_lengths) if self.job.next_step else 0

    @property
    def behind(self) -> bool:
        """Whether people who wait for a page come before it."""
        return self.job.spec.kind in BEHIND

    @property
    def needs_device(self) -> bool:
        """Whether its turn computes; to stop takes a forward pass at most, which waits for none."""
        return not self.waits and self.job.requested != "stop"


def _is_lost(device: torch.device) -> bool:
    """Return whether a GPU answers nothing any more: after some errors only a new process can."""
    try:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
    except RuntimeError:
        return True
    return False


@dataclass
class Hands:
    """What one worker has begun.

    Attributes:
        owner: the worker, as the queue knows it.
        active: the jobs by id.
        leaving: whether all is to be put down, so that a long step is left in the middle.
        lost: whether the device answers nothing any more, so that nobody's step can be taken.
    """

    owner: Owner
    active: dict[str, Active] = field(default_factory=dict)
    leaving: bool = False
    lost: bool = False
    _heard: float = -math.inf
    _token_seconds: float = 0.0

    def begin(self, job: JobContext, attempt: int) -> None:
        """Take up a job that was claimed, for the `attempt`-th time."""
        log.info(logs.line("job begun", job=job.id, attempt=attempt, **logs.facts(job.spec)))
        self.active[job.id] = Active(job, runners.run(job))

    def go_on(self, active: Active) -> bool:
        """Let a job go on to where others may have a turn; return whether it is still at work."""
        job = active.job
        try:
            self.owner.require(job.id)
            active.new = False
            with self._guarded(active), self._listening([active]):
                active.waits = next(active.steps) is False
            if active.failures and time.monotonic() > active.retry_at + RETRY_SECONDS[1]:
                active.failures = 0
        except StopIteration:
            self.end(active, "stopped" if job.stopped else "done")
        except LostError:
            self.drop(active)
        except StorageError as error:
            self.wait_out(active, error)
        except ExplorerError as error:
            self.end(active, "failed", str(error), error)
        except Exception as error:
            if isinstance(error, OSError) and error.errno in PASSING:
                self.wait_out(active, error)
                return False
            log.error(logs.line("unexpected", job=job.id) + logs.frames(error))
            self.end(
                active,
                "failed",
                tr(
                    "Something unexpected happened ({error}). The details are in logs/worker.log "
                    "in the cache folder.",
                    error=f"{type(error).__name__}: {str(error)[:200]}",
                ),
                error,
            )
            self.lost |= _is_lost(job.pool.device)
            self.leaving |= self.lost
        else:
            return True
        return False

    def at_once(self, alike: Sequence[Active]) -> Sequence[Active]:
        """Return those, from the first, whose steps make the next pass: as many as fit.

        Fewer while people come, as when a class begins: two passes of half the rows cost a tenth
        more, but nobody waits for the end of a long one.
        """
        fit = alike[: that_fit([a.job.next_step for a in alike if a.job.next_step is not None])]
        now, taken = time.monotonic(), 0.0
        if all(a.behind or now - a.began > WELCOME_SECONDS for a in self.active.values()):
            return fit
        for count, active in enumerate(fit):
            taken += active.tokens * self._token_seconds
            if taken > SHORT_SECONDS:
                return fit[: max(1, count)]
        return fit

    def step_together(self, group: Sequence[Active]) -> None:
        """Take the next steps of several jobs with the same passes; each then goes on by itself.

        One alone is left to take its own.

        Raises:
            Interrupted: if one of them is to stop or to pause, or all are to be put down: nothing
                has changed then.
        """
        steps = [active.job.next_step for active in group if active.job.next_step is not None]
        if len(steps) > 1:
            tokens = sum(active.tokens for active in group)
            with self._listening(group):
                take_together(steps)
            self._token_seconds = steps[0].seconds / max(1, tokens)

    def _listening(self, group: Sequence[Active]) -> contextlib.AbstractContextManager[None]:
        """Let a long step be left in the middle if one of those who take it stops or pauses."""
        return listening(lambda: self.leaving or self._somebody_goes(group))

    def _somebody_goes(self, group: Sequence[Active]) -> bool:
        if time.monotonic() - self._heard >= HEAR_SECONDS:
            self._heard = time.monotonic()
            with contextlib.suppress(StorageError):
                requested = client.requested([active.job.id for active in group])
                for active in group:
                    active.job.requested = requested.get(active.job.id, "stop")
        # what there is when one is stopped is still to be measured
        return any(a.job.requested != "run" and not a.job.stopped for a in group)

    def hear(self, active: Active, row: JobRow) -> None:
        """Act on what is wanted of a job by now.

        Raises:
            StorageError: if the answer cannot be written; the next look tries again.
        """
        job = active.job
        if row.owner != self.owner.id:
            self.drop(active)
            return
        job.requested = row.requested
        if active.last_words is not None or active.paused == (job.requested == "pause"):
            return
        log.info(logs.line("job resumed" if active.paused else "job paused", job=job.id))
        if active.paused:
            job.update(state="running")
            active.paused = False
        elif kept.is_shared(job.spec):
            self.let_go(active, state="paused")  # others may wait for what it holds
        else:
            job.update(state="paused")
            active.paused = True

    def end(
        self,
        active: Active,
        state: str,
        error: str | None = None,
        cause: Exception | None = None,
    ) -> None:
        """Note that a job is over, how, and, in the log, of what kind the error was."""
        took = time.monotonic() - active.began
        log.info(logs.line(f"job {state}", job=active.job.id, seconds=took, **logs.reason(cause)))
        self.let_go(active, state=state, error=error, finished=time.time())

    def let_go(self, active: Active, **words: object) -> None:
        """Put a job down where it is; whoever is able to goes on from what it left on the disk."""
        active.last_words = words
        with contextlib.suppress(StorageError):
            owners.hand_on(active.job.id, active.job.result)
        self._shut(active)
        self.finish(active)

    def finish(self, active: Active) -> None:
        """Write the last words of a job; while that fails, it stays in these hands."""
        words = active.last_words or {}
        left = {"state": QUEUED} if words.get("state") == "queued" else {}
        try:
            active.job.update(**words | left, owner=None, lease=0.0)
        except StorageError as error:
            log.warning(
                logs.line("job cannot be put down yet", job=active.job.id, **logs.reason(error))
            )
            return
        except LostError:
            words = {}
        if words.get("state") in client.OVER:
            for clean_up in active.job.afterwards:
                with contextlib.suppress(OSError):
                    clean_up()
        self._forget(active)

    def wait_out(self, active: Active, error: Exception) -> None:
        """Let a job that the disk or the database refused go on later, from its checkpoint.

        One that is to stop ends here, with what is on the disk.
        """
        job = active.job
        if job.requested == "stop":
            job.notice(str(error))
            self.end(active, "stopped")
            return
        log.warning(logs.line("job waits", job=job.id, **logs.reason(error)))
        first, most = RETRY_SECONDS
        active.retry_at = time.monotonic() + min(most, first * 2**active.failures)
        active.failures += 1
        self._shut(active)  # else it leaves a checkpoint later, and nobody asks whose job it is
        active.steps, active.waits, job.next_step = runners.run(job), False, None
        with contextlib.suppress(LostError):  # the next turn finds that out
            job.say(tr("Waiting, and goes on by itself: {error}", error=error), at_once=True)

    def drop(self, active: Active) -> None:
        """Let go of a job that another worker has by now, without a trace in its files."""
        log.warning(logs.line("job lost to another worker", job=active.job.id))
        self.owner.doubt(active.job.id)
        self._shut(active)
        self._forget(active)

    def put_down(self) -> None:
        """Leave every job so that the next worker can go on with it."""
        for active in list(self.active.values()):
            waiting = {"state": "queued", "sentence": tr("Waiting for a worker.")}
            words = {} if active.paused else waiting
            try:
                if active.last_words is None:
                    self.let_go(active, **words)
                else:
                    self.finish(active)
            except Exception as error:  # the others are put down all the same
                log.error(logs.line("job not put down", job=active.job.id) + logs.frames(error))
            else:
                log.info(logs.line("job put down", job=active.job.id))

    def _shut(self, active: Active) -> None:
        """End a job's work where it is; most leave a checkpoint on the way out."""
        try:
            with self._guarded(active):
                if isinstance(active.steps, Generator):
                    active.steps.close()
        except (ExplorerError, LostError, OSError, RuntimeError) as error:  # a lost device's last
            left = logs.line("job left no checkpoint", job=active.job.id, **logs.reason(error))
            log.warning(left)

    def _guarded(self, active: Active) -> contextlib.AbstractContextManager[None]:
        return guarded(partial(self.owner.require, active.job.id), active.job.note_kept)

    def _forget(self, active: Active) -> None:
        self.active.pop(active.job.id, None)
        self.owner.forget(active.job.id)
        if not self.active:
            give_memory_back()
