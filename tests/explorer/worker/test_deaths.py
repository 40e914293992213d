"""Deaths of the worker during a job of every kind that takes long: what counts as progress."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import tiny
from explorer.base import folders
from explorer.jobs import client
from explorer.specs.curves import PathRecipe
from explorer.specs.jobs import JobSpec, LandscapeSpec, PathsSpec, RadiusSpec
from explorer.worker.context import JobContext

if TYPE_CHECKING:
    from tests.explorer.worker.conftest import Shift

pytestmark = pytest.mark.end_to_end

Hire = Callable[[], "Shift"]
KINDS = ("reconstruct", "set", "shared set", "paths", "experiment", "landscape", "radius")


@pytest.fixture(autouse=True)
def _kept_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A checkpoint after every step; nothing that ships."""
    monkeypatch.setattr(folders, "recorded", lambda: tmp_path / "nothing-ships")
    monkeypatch.setattr("explorer.tasks.task.CheckpointTimer.due", True)


@pytest.fixture
def asked(
    request: pytest.FixtureRequest, hire: Hire, tiny_llama_folder: Path, solution_files: list[Path]
) -> JobSpec:
    kind, ids = request.param, [file.stem for file in solution_files]
    reconstruct, free, _, experiment = tiny.round_of(tiny_llama_folder, 0)
    recipe = PathRecipe(
        max_steps=600, finish_steps=0, points=5, precision="float32", stop_early=False
    )
    paths = PathsSpec(pairs=((ids[0], ids[1]),), recipe=recipe)
    match kind:
        case "shared set":
            return tiny.round_of(tiny_llama_folder, 1)[1]
        case "landscape":
            quick = recipe.model_copy(update={"max_steps": 5})
            made = client.submit(paths.model_copy(update={"recipe": quick}))
            first = hire()
            first.finish(made)
            first.die()
            return LandscapeSpec(paths=made, level=6)
        case "radius":
            return RadiusSpec(solution=ids[0], directions=400, points=9)
    return {"reconstruct": reconstruct, "set": free, "paths": paths, "experiment": experiment}[kind]


def _lives(hire: Hire, job_id: str, count: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let workers die right after keeping the job's state for the `count`-th time, five at most.

    Returns:
        What the job was after each death.
    """
    plain, states = JobContext.note_kept, []

    def note(self: JobContext) -> None:
        if self._kept < count:  # else a dead one is on its way out
            plain(self)
        if self._kept == count:
            raise SystemExit  # as far as the queue can see: no last words

    with monkeypatch.context() as patch:
        patch.setattr(JobContext, "note_kept", note)
        while len(states) < 5 and not client.get(job_id).over:
            shift = hire()
            with pytest.raises(SystemExit):
                shift.finish(job_id)
            shift.die()
            shift.worker.active.clear()
            hire()
            states.append(client.get(job_id).state)
    return states


@pytest.mark.parametrize("asked", KINDS, indirect=True)
def test_who_dies_after_its_first_step_each_time_is_given_up(
    asked: JobSpec, hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = _lives(hire, client.submit(asked), 1, monkeypatch)
    assert states == ["queued", "queued", "failed"]


@pytest.mark.parametrize("asked", KINDS, indirect=True)
def test_who_gets_on_each_time_goes_on_however_often_workers_die(
    asked: JobSpec, hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = client.submit(asked)
    assert _lives(hire, job_id, 2, monkeypatch) == ["queued"] * 5
    if asked.kind in ("reconstruct", "solve-set", "experiment"):
        return  # they take long
    (job,) = hire().finish(job_id)
    assert (job.state, job.error) == ("done", None)


def test_a_landscape_that_goes_on_keeps_nothing_before_it_has_measured(
    hire: Hire, tiny_llama_folder: Path, solution_files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Levels that are complete were kept again whenever a worker took it up: no progress."""
    from explorer.tasks.landscape.measuring import LandscapeTask

    ids = [file.stem for file in solution_files]
    recipe = PathRecipe(
        max_steps=5, finish_steps=0, points=5, precision="float32", stop_early=False
    )
    first = hire()
    paths = client.submit(PathsSpec(pairs=((ids[0], ids[1]),), recipe=recipe))
    first.finish(paths)
    job_id = client.submit(LandscapeSpec(paths=paths, level=6))
    first.until(lambda: client.get(job_id).fraction > 0.3)
    assert not client.get(job_id).over
    first.die()

    def deadly(self: LandscapeTask, *_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(LandscapeTask, "_measure", deadly)
        states = []
        for _ in range(2):
            shift = hire()
            with pytest.raises(SystemExit):
                shift.finish(job_id)
            shift.die()
            shift.worker.active.clear()
            hire()
            states.append(client.get(job_id).state)
    assert states == ["queued", "failed"]  # with the first death that makes three
