import random
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from explorer.base.errors import BadInputError, CorruptFileError
from explorer.landscape.plane import Plane
from explorer.landscape.result import Landscape
from explorer.landscape.surroundings import Surroundings
from explorer.model.metrics import score
from explorer.paths import places
from explorer.paths.pairs import vector
from explorer.paths.result import Paths
from explorer.specs.curves import PathRecipe
from explorer.specs.jobs import LandscapeSpec, RadiusSpec
from explorer.tasks.landscape.measuring import LandscapeTask
from explorer.tasks.landscape.radius import RadiusTask, random_directions
from explorer.tasks.paths.bends import along
from explorer.tasks.paths.connecting import Connecting
from tests.steps import exhaust

if TYPE_CHECKING:
    from explorer.model.frozen import FrozenModel
    from explorer.model.pool import ModelPool
    from explorer.solutions.solution import Solution


@pytest.fixture
def paths(pool: "ModelPool", exact_solutions: "list[Solution]", tmp_path: Path) -> Paths:
    recipe = PathRecipe(max_steps=30, finish_steps=0, points=5, look_every=30, precision="float32")
    pair = (exact_solutions[0], exact_solutions[1])
    task = Connecting([pair], "bezier", recipe, pool, tmp_path / "paths")
    exhaust(task.steps())
    return task.paths


@pytest.fixture
def start(paths: Paths, pool: "ModelPool", tmp_path: Path) -> Any:
    def begin(level: int = 4) -> LandscapeTask:
        spec = LandscapeSpec(paths="made", level=level)
        return LandscapeTask(paths, spec, pool, tmp_path / "plane")

    return begin


def _finish(task: Any) -> Any:
    exhaust(task.steps())
    return task.found


def test_the_grid_says_at_a_solution_what_its_score_says(
    start: Any, exact_solutions: "list[Solution]"
) -> None:
    found = _finish(start())
    row = int(np.argmin(np.abs(found.y)))
    for mark, solution in ((0, exact_solutions[0]), (-1, exact_solutions[1])):
        column = int(np.argmin(np.abs(found.x - found.marks[mark, 0])))
        assert found.accuracy[row, column] == solution.record.accuracy
        assert found.loss[row, column] == pytest.approx(solution.record.loss, rel=1e-3)
        assert np.array_equal(found.predicted[row, column], solution.target_ids)


def test_any_point_is_what_the_model_says_at_that_point_of_the_space(
    start: Any, pool: "ModelPool", tmp_path: Path
) -> None:
    _finish(start())
    found = Landscape.load(tmp_path / "plane" / places.LANDSCAPE)
    model = pool.of_weights(found.header.model, found.header.fingerprint)
    plane = Plane(found.origin, found.along, found.across)
    for row, column in ((0, 0), (3, 11), (16, 16), (9, 2)):
        point = plane.points(np.array([[found.x[column], found.y[row]]]))[0].astype(np.float32)
        alone = score(model, point[:32], point[32:], found.header.text.target_ids, "e+mN")
        assert found.accuracy[row, column] == pytest.approx(alone.accuracy)
        assert found.loss[row, column] == pytest.approx(alone.loss, rel=1e-3)
        assert np.array_equal(found.predicted[row, column], alone.predicted)
        assert set(alone.predicted.tolist()) <= set(found.header.pieces)


def test_the_grid_refines_and_is_drawn_only_where_it_is_complete(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from explorer.tasks.landscape import measuring as task

    monkeypatch.setattr(task, "ROWS", 30)
    running, seen, said = start(), [], []
    for progress in running.steps():
        said.append(progress.fraction)
        found, s = running.found, running.found.stride
        seen.append(found.header.reached)
        if found.ready:
            assert np.isfinite(found.accuracy[::s, ::s]).all()
    assert seen == sorted(seen) and {-1, 3} <= set(seen)
    assert running.found.header.reached == 4 and said[-1] == 1
    assert running.found.header.points_per_second > 0 and running.found.share > 0


def test_the_plain_pass_of_a_long_text_has_fewer_rows(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps every logit: 32 rows of 1,024 tokens would take 6 GB with 49,152 tokens to say."""
    from explorer.tasks.landscape import measuring as task

    running, rows = start(3), []
    logits = type(running.model).logits
    monkeypatch.setattr(
        type(running.model),
        "logits",
        lambda model, inputs: (rows.append(len(inputs)), logits(model, inputs))[1],
    )
    monkeypatch.setattr(task, "PLAIN_POSITIONS", 9)  # of rows of four
    found = _finish(running)
    assert rows == [2, 2] and found.header.plain_per_second > 0


def test_an_interrupted_landscape_goes_on_and_gives_the_same(
    start: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from explorer.tasks.landscape import measuring as task

    monkeypatch.setattr(task, "ROWS", 50)
    whole = _finish(start())
    (tmp_path / "plane" / places.LANDSCAPE).unlink()
    first = start()
    steps = first.steps()
    for _ in range(4):
        next(steps)
    steps.close()
    measured = int(np.isfinite(first.found.accuracy).sum())
    second = start()
    assert second.resumed and np.isfinite(second.found.accuracy).sum() == measured > 0
    again = _finish(second)
    assert np.array_equal(whole.predicted, again.predicted)
    np.testing.assert_allclose(whole.loss, again.loss, rtol=1e-5)


def test_a_damaged_landscape_is_said(start: Any, tmp_path: Path) -> None:
    _finish(start(3))
    file = tmp_path / "plane" / places.LANDSCAPE
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(CorruptFileError, match="is damaged"):
        Landscape.load(file)
    assert not start(3).resumed


def test_a_pair_that_is_not_there_or_not_trained_is_said(
    paths: Paths, pool: "ModelPool", tmp_path: Path
) -> None:
    with pytest.raises(BadInputError, match="pairs 0 to 0"):
        LandscapeTask(paths, LandscapeSpec(paths="made", pair=1), pool, tmp_path)
    flat = Paths.empty(paths.header, paths.vectors)
    with pytest.raises(BadInputError, match="lies on the chord"):
        LandscapeTask(flat, LandscapeSpec(paths="made"), pool, tmp_path)


def test_random_directions_are_unit_vectors_without_preference() -> None:
    directions = random_directions(400, 50, 3)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1)
    assert np.abs(directions.mean(axis=0)).max() < 4 / np.sqrt(400 * 50)
    assert not np.array_equal(directions, random_directions(400, 50, 4))


def test_the_radius_is_where_accuracy_first_falls_below_099(
    pool: "ModelPool", exact_solutions: "list[Solution]", tmp_path: Path
) -> None:
    solution = exact_solutions[0]
    spec = RadiusSpec(solution="made", directions=6, points=9, seed=1)
    task = RadiusTask(solution, spec, pool, tmp_path)
    found = _finish(task)
    again = Surroundings.load(tmp_path / places.RADIUS)
    assert np.array_equal(again.accuracy, found.accuracy) and again.header == found.header
    model: FrozenModel = task.model
    assert np.isfinite(found.radius).all()
    for radius, direction in zip(found.radius, task.directions, strict=True):

        def accuracy(distance: float, towards: np.ndarray = direction) -> float:
            point = (vector(solution) + distance * towards).astype(np.float32)
            ids = solution.target_ids.tolist()
            return score(model, point[:32], point[32:], ids, "e+mN").accuracy

        assert accuracy(radius) >= 0.99
        assert accuracy(radius * (1 + 1 / 128)) < 0.99
    assert (found.accuracy[:, 0] == 1).all()
    assert found.distances[-1] == pytest.approx(2 * found.radius.max())
    assert found.median == pytest.approx(np.median(found.radius))


@pytest.mark.parametrize("killed", [False, True])
def test_a_radius_goes_on_where_it_was_left(
    killed: bool,
    pool: "ModelPool",
    exact_solutions: "list[Solution]",
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    solution = exact_solutions[0]
    spec = RadiusSpec(solution="made", directions=70, points=5, seed=1)
    whole = _finish(RadiusTask(solution, spec, pool, tmp_path / "whole"))
    passes: list[int] = []
    monkeypatch.setattr(
        "explorer.tasks.landscape.radius.along", lambda *given: (passes.append(1), along(*given))[1]
    )
    exhaust(RadiusTask(solution, spec, pool, tmp_path / "counted").steps())
    once = len(passes)
    passes.clear()
    draw = random.Random(5)
    due = property(lambda _: draw.random() < 0.7)
    monkeypatch.setattr("explorer.tasks.task.CheckpointTimer.due", due)
    cuts = 0
    while True:
        task = RadiusTask(solution, spec, pool, tmp_path / "cut")
        assert task.resumed == (cuts > 0)
        steps = task.steps()
        left = sum(1 for _ in zip(range(draw.randint(4, 12)), steps, strict=False))
        if task.found is not None:
            break
        assert left
        cuts += 1
        if killed:
            monkeypatch.setattr(task, "_checkpoint", lambda: None)
        steps.close()
    assert cuts >= 3
    for name in ("distances", "accuracy", "radius"):
        np.testing.assert_array_equal(getattr(task.found, name), getattr(whole, name))
    repeated = len(passes) - once - cuts  # each look at the solution itself is one more
    assert 0 <= repeated <= (6 * cuts if killed else cuts * 2)
    assert [file.name for file in (tmp_path / "cut").iterdir()] == [places.RADIUS]


def test_there_is_no_radius_around_an_inexact_solution(
    pool: "ModelPool", make_solution: Any, tmp_path: Path
) -> None:
    with pytest.raises(BadInputError, match="2 of 3 tokens right"):
        RadiusTask(make_solution(), RadiusSpec(solution="x"), pool, tmp_path)


def test_a_file_that_was_changed_is_said_and_not_measured(
    pool: "ModelPool", exact_solutions: "list[Solution]", tmp_path: Path
) -> None:
    whole = exact_solutions[0]
    moved = replace(whole, e=whole.e[::-1].copy())
    with pytest.raises(BadInputError, match=r"says that every token is right; here it scores"):
        RadiusTask(moved, RadiusSpec(solution="x"), pool, tmp_path)
    with pytest.raises(BadInputError, match=rf"{whole.record.id} says that every token"):
        _finish(Connecting([(moved, exact_solutions[1])], "bezier", PathRecipe(), pool, tmp_path))
    foreign = replace(whole, target_ids=whole.target_ids + 10**6)
    with pytest.raises(CorruptFileError, match=r"it names token 10\d{5}, and .* knows \d+"):
        RadiusTask(foreign, RadiusSpec(solution="x"), pool, tmp_path)
    other = replace(exact_solutions[1], target_ids=foreign.target_ids)
    with pytest.raises(CorruptFileError, match="names token"):
        Connecting([(foreign, other)], "bezier", PathRecipe(), pool, tmp_path)
