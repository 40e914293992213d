"""What tests of jobs share: specs on a tiny model, and a worker that is driven turn by turn."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from explorer.base.files import guarded
from explorer.jobs import client
from explorer.jobs.client import Job
from explorer.jobs.ownership import LostError
from explorer.solutions.recording import read_log
from explorer.specs.jobs import ReconstructSpec
from explorer.specs.recipes import FAST

if TYPE_CHECKING:
    from explorer.model.pool import ModelPool
    from explorer.worker.loop import Worker

QUICK = FAST.model_copy(update={"name": "quick", "max_steps": 300, "precision": "float32"})
LONG = QUICK.model_copy(update={"name": "long", "max_steps": 100_000})
LONG_TEXT = "The heron waits by the reservoir while the evening tram goes home. " * 3

MakeSpec = Callable[..., ReconstructSpec]


@pytest.fixture
def quick(tiny_llama_folder: Path) -> MakeSpec:
    """Ask for a run that is exact after about twenty steps; keywords replace fields."""

    def make(**fields: Any) -> ReconstructSpec:
        asked = {
            "model": str(tiny_llama_folder),
            "text": "The heron waits",
            "length": 3,
            "arrangement": "e+mN-1",
            "recipe": QUICK,
            "restarts": 1,
            "seed": 2,
        }
        return ReconstructSpec.model_validate(asked | fields)

    return make


@pytest.fixture
def long(quick: MakeSpec) -> MakeSpec:
    """Ask for a run that takes far longer than any test."""

    def make(**fields: Any) -> ReconstructSpec:
        return quick(**{"text": LONG_TEXT, "length": 40, "recipe": LONG, "restarts": 2} | fields)

    return make


def _dead() -> None:
    raise LostError("a dead process writes nothing")


@dataclass
class Shift:
    """A worker without a process of its own, driven one turn at a time."""

    worker: "Worker"

    def turns(self, count: int) -> list[bool]:
        """Let the worker have some turns; return of each whether there was work."""
        return [self.worker._turn() for _ in range(count)]

    def until(self, condition: Callable[[], bool], seconds: float = 150.0) -> None:
        """Let the worker have turns until something is so."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, [
                (j.id, j.state, j.sentence, j.error) for j in client.jobs()
            ]
            if not self.worker._turn():
                time.sleep(0.05)

    def finish(self, *ids: str) -> list[Job]:
        """Let the worker have turns until these jobs are over."""
        self.until(lambda: all(client.get(job_id).over for job_id in ids))
        return [client.get(job_id) for job_id in ids]

    def die(self) -> None:
        """Leave as a killed process does: no last words, and the system takes the locks back."""
        self.worker.compute.release()
        self.worker.side_process.close()
        for active in self.worker.active.values():
            with contextlib.suppress(LostError), guarded(_dead):
                active.steps.close()  # type: ignore[attr-defined]


@pytest.fixture
def hire(pool: "ModelPool", monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Shift]]:
    """Start workers that look at the queue before every step and take short turns.

    Of one place there is one at a time; two places stand for two devices, unless `beside` is said.
    """
    from explorer.tasks import reconstruct
    from explorer.worker import context, loop

    monkeypatch.setattr(loop, "SLICE_SECONDS", 0.02)
    monkeypatch.setattr(loop, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(context, "SAY_SECONDS", 0.0)
    monkeypatch.setattr(reconstruct, "FRAME_SECONDS", 0.0)
    hired: list[Shift] = []

    def start(place: str = "cpu", *, beside: bool = False) -> Shift:
        worker = loop.Worker("cpu", None)
        worker.pool, worker.owner.place = pool, place
        worker.owner.id = f"{place}/{len(hired)}"
        if not beside:
            worker.compute = client.compute_lock(place)
        hired.append(Shift(worker))
        worker.owner.succeed()
        return hired[-1]

    yield start
    for shift in hired:
        shift.die()


@pytest.fixture
def shift(hire: Callable[[], Shift]) -> Shift:
    return hire()


@pytest.fixture
def steps_of() -> Callable[[str], int]:
    """Say how many steps of a run have been shown."""

    def steps(job_id: str) -> int:
        recording = read_log(client.folder_of(job_id))
        return int(recording.frames["step"][-1]) if recording else 0

    return steps
