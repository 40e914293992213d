from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from explorer.base.errors import BadInputError
from explorer.jobs import client
from explorer.landscape.result import Landscape
from explorer.landscape.surroundings import Surroundings
from explorer.paths import places
from explorer.paths.result import FILE, Paths
from explorer.solutions import store
from explorer.specs.curves import PathRecipe
from explorer.specs.jobs import LandscapeSpec, PathsSpec, RadiusSpec, parse

if TYPE_CHECKING:
    from tests.explorer.worker.conftest import MakeSpec, Shift

QUICK = PathRecipe(
    max_steps=10,
    attempts=1,
    finish_steps=0,
    points=5,
    look_every=5,
    precision="float32",
    stop_early=False,
)
LONG = QUICK.model_copy(update={"max_steps": 100_000})


@pytest.fixture
def pairs(solution_files: list[Path]) -> tuple[tuple[str, str], ...]:
    ids = [file.stem for file in solution_files]
    return ((ids[0], ids[1]), (ids[3], ids[4]))


def _paths(job: str) -> Paths:
    return Paths.load(places.folder_of(job) / FILE)


def test_paths_then_their_landscape_and_a_radius(
    shift: "Shift", pairs: tuple[tuple[str, str], ...]
) -> None:
    first = client.submit(PathsSpec(pairs=pairs, recipe=QUICK))
    (job,) = shift.finish(first)
    assert (job.state, job.fraction) == ("done", 1.0)
    assert _paths(first).steps.tolist() == [10, 10]
    assert f"of {2} pairs connected" in job.sentence
    plane = client.submit(LandscapeSpec(paths=first, pair=1, level=3))
    around = client.submit(RadiusSpec(solution=pairs[0][0], directions=2, points=3))
    jobs = shift.finish(plane, around)
    assert [job.state for job in jobs] == ["done", "done"]
    found = Landscape.load(places.folder_of(plane) / places.LANDSCAPE)
    assert found.ready and found.header.job == plane
    assert np.array_equal(found.points, _paths(first).points(1))
    walk = Surroundings.load(places.folder_of(around) / places.RADIUS)
    assert walk.header.solution == pairs[0][0]


def test_a_worker_that_dies_loses_nothing(
    hire: Callable[[], "Shift"], pairs: tuple[tuple[str, str], ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("explorer.tasks.task.CheckpointTimer.due", True)
    recipe = QUICK.model_copy(update={"max_steps": 100})
    whole = client.submit(PathsSpec(pairs=pairs, recipe=recipe))
    first = hire()
    first.finish(whole)
    broken = client.submit(PathsSpec(pairs=pairs, recipe=recipe))
    first.until(lambda: client.get(broken).fraction > 0.1)
    assert not client.get(broken).over
    first.die()
    (job,) = hire().finish(broken)
    assert job.state == "done" and any("last checkpoint" in n for n in job.notices)
    assert np.array_equal(_paths(whole).bends, _paths(broken).bends)


def test_a_stopped_job_keeps_what_it_has(
    shift: "Shift", pairs: tuple[tuple[str, str], ...]
) -> None:
    job_id = client.submit(PathsSpec(pairs=pairs[:1], recipe=LONG))
    shift.until(lambda: client.get(job_id).fraction > 0)
    client.ask(job_id, "stop")
    (job,) = shift.finish(job_id)
    found = _paths(job_id)
    assert job.state == "stopped" and found.over.all() and found.steps[0] > 0


def test_train_me_two(shift: "Shift", quick: "MakeSpec") -> None:
    """Two restarts are trained in the same job, then connected."""
    train = quick(restarts=3, seed=0, arrangement="e+mN")
    job_id = client.submit(PathsSpec(train=train, recipe=QUICK))
    (job,) = shift.finish(job_id)
    assert job.state == "done", job.error
    found = _paths(job_id)
    assert [s.seed for s in found.header.solutions] == [0, 1]
    assert {s.id for s in found.header.solutions} <= {e.id for e in store.entries()}


def test_too_few_exact_restarts_are_a_sentence(shift: "Shift", quick: "MakeSpec") -> None:
    job_id = client.submit(PathsSpec(train=quick(restarts=1), recipe=QUICK))
    (job,) = shift.finish(job_id)
    assert job.state == "failed" and "a path needs two" in str(job.error)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (PathsSpec(pairs=(("x", "y"),)), "no solution “x”"),
        (PathsSpec(), "pick two solutions"),
        (LandscapeSpec(paths="nothing"), "no set of paths “nothing”"),
        (RadiusSpec(solution="x"), "no solution “x”"),
    ],
)
def test_what_is_not_there_fails_with_a_sentence(
    shift: "Shift", spec: PathsSpec | LandscapeSpec | RadiusSpec, said: str
) -> None:
    (job,) = shift.finish(client.submit(spec))
    assert job.state == "failed" and said in str(job.error)


def test_specs_survive_the_queue_and_refuse_nonsense() -> None:
    spec = PathsSpec(pairs=(("a", "b"),), curve="two-bends", recipe=QUICK)
    assert parse(spec.model_dump_json()) == spec
    for bad in (
        '{"kind": "paths", "curve": "line"}',
        '{"kind": "landscape", "paths": "x", "level": 2}',
        '{"kind": "radius", "solution": "x", "directions": 0}',
    ):
        with pytest.raises(BadInputError, match="The setting “"):
            parse(bad)
