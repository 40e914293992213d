import copy
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from explorer.base.errors import BadInputError, CorruptFileError, ModelError
from explorer.model.metrics import score
from explorer.paths import places
from explorer.paths.curves import positions
from explorer.paths.result import FILE, Paths
from explorer.specs.curves import PathRecipe
from explorer.specs.recipes import THRESHOLD
from explorer.tasks.paths.connecting import Connecting
from tests.steps import exhaust

if TYPE_CHECKING:
    from explorer.model.pool import ModelPool
    from explorer.solutions.solution import Solution

QUICK = PathRecipe(
    max_steps=40,
    samples=2,
    finish_steps=0,
    attempts=1,
    points=9,
    look_every=10,
    precision="float32",
    stop_early=False,
)


@pytest.fixture
def start(pool: "ModelPool", exact_solutions: "list[Solution]", tmp_path: Path) -> Any:
    """Begin connecting; by default the first two solutions."""

    def begin(*pairs: tuple[int, int], kind: str = "bezier", **changes: Any) -> Connecting:
        chosen = [(exact_solutions[a], exact_solutions[b]) for a, b in pairs or ((0, 1),)]
        recipe = QUICK.model_copy(update=changes)
        return Connecting(chosen, kind, recipe, pool, tmp_path / "paths")  # type: ignore[arg-type]

    return begin


def _finish(task: Connecting) -> Paths:
    exhaust(task.steps())
    return task.paths


def test_both_paths_begin_and_end_with_the_solutions_own_scores(
    start: Any, pool: "ModelPool", exact_solutions: "list[Solution]"
) -> None:
    found = _finish(start())
    assert (found.t[0], found.t[-1], len(found.t)) == (0, 1, 9)
    for profile in (found.line, found.curve):
        assert profile.accuracy[0, 0] == exact_solutions[0].record.accuracy == 1
        assert profile.accuracy[0, -1] == exact_solutions[1].record.accuracy == 1
        assert profile.loss[0, 0] == pytest.approx(exact_solutions[0].record.loss, rel=1e-3)
        assert profile.loss[0, -1] == pytest.approx(exact_solutions[1].record.loss, rel=1e-3)


@pytest.mark.parametrize("kind", ["bezier", "two-bends"])
def test_every_number_is_found_again_from_the_saved_points(
    start: Any, pool: "ModelPool", kind: str, tmp_path: Path
) -> None:
    _finish(start((0, 1), (3, 4), kind=kind))
    found = Paths.load(tmp_path / "paths" / FILE)
    model = pool.of_weights(found.header.model, found.header.fingerprint)
    for pair in range(2):
        ids = found.text(pair).target_ids
        for where, profile in (("line", found.line), (kind, found.curve)):
            points = found.points(pair)[[0, -1]] if where == "line" else found.points(pair)
            at = positions(where, points, found.t).astype(np.float32)  # type: ignore[arg-type]
            for k, point in enumerate(at):
                alone = score(model, point[:32], point[32:], ids, found.header.arrangement)
                assert profile.accuracy[pair, k] == pytest.approx(alone.accuracy)
                assert profile.loss[pair, k] == pytest.approx(alone.loss, rel=1e-3, abs=1e-5)
                assert np.array_equal(profile.predicted[pair, k], alone.predicted)


def test_before_the_first_step_the_curve_is_the_chord(start: Any) -> None:
    found = _finish(start(max_steps=0))
    assert found.steps.tolist() == [0] and found.over.all()
    assert np.array_equal(found.line.accuracy, found.curve.accuracy)
    assert found.ratio(0) == pytest.approx(1, abs=1e-6)


def test_measurements_are_kept_with_the_steps_they_belong_to(start: Any) -> None:
    found = _finish(start(max_steps=25))
    assert found.history["step"].tolist() == [0, 10, 20, 25]
    assert found.steps.tolist() == [25]
    assert found.history["minimum"][-1] == found.curve.accuracy[0].min()
    assert found.history["mean"][-1] == pytest.approx(found.mean(0), rel=1e-5)


def test_a_curve_that_is_exact_all_along_ends_early(start: Any) -> None:
    found = _finish(start(max_steps=3000, stop_early=True, lr=0.3, samples=4))
    assert found.connected.all() and found.curve.accuracy.min() == 1
    assert found.steps[0] < 3000
    assert (found.history["minimum"][:-1] < 1).all() and found.history["minimum"][-1] == 1
    assert found.converged_at(0) is not None and found.converged_at(0) <= found.steps[0]
    assert found.ratio(0) >= 1


def test_a_curve_goes_on_that_fails_halfway_between_two_points_of_the_grid(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from explorer.tasks.paths import connecting as task

    task_of_one = start(max_steps=3000, stop_early=True, lr=0.3, samples=4)
    asked: list[np.ndarray] = []

    def along(model: Any, points: np.ndarray, *rest: Any) -> Any:
        found = measured(model, points, *rest)
        if len(points) < 9:  # halfway
            asked.append(points)
            found.correct[0, 0] = len(asked) > 1  # a wrong token there, the first time
        return found

    measured = task.along
    monkeypatch.setattr(task, "along", along)
    found = _finish(task_of_one)
    assert len(asked) == 2 and {len(points) for points in asked} == {8}
    perfect = found.history["step"][found.history["minimum"] == 1]
    assert len(perfect) == 2 and perfect[-1] == found.steps[0]
    grid = positions("bezier", found.points(0).astype(np.float64), found.t)
    between = np.linalg.norm(asked[-1] - (grid[:-1] + grid[1:]) / 2, axis=1)
    assert (between < np.linalg.norm(np.diff(grid, axis=0), axis=1)).all()


def test_a_look_that_is_left_halfway_is_taken_again(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody pauses while the points between the grid's are measured."""
    from explorer.runtime.interruption import Interrupted
    from explorer.tasks.paths import connecting as task

    asked = {"max_steps": 3000, "stop_early": True, "lr": 0.3, "samples": 4}
    whole = _finish(start(**asked))
    (start(**asked)._file).unlink()
    left: list[Paths] = []

    def along(model: Any, points: np.ndarray, *rest: Any) -> Any:
        if len(points) < 9 and not left:  # halfway
            left.append(copy.deepcopy(cut.paths))
            raise Interrupted
        return measured(model, points, *rest)

    measured = task.along
    monkeypatch.setattr(task, "along", along)
    cut = start(**asked)
    found = _finish(cut)
    assert found.steps.tolist() == whole.steps.tolist()
    assert np.array_equal(found.history, whole.history)
    (before,) = left  # what a checkpoint has meanwhile: numbers of the bends that stand with them
    grid = positions("bezier", before.points(0), before.t).astype(np.float32)
    model = cut.exact
    again = measured(model, grid, cut._trainers[0].targets, before.header.arrangement)
    np.testing.assert_allclose(before.curve.loss[0], again.loss.mean(1), rtol=1e-4, atol=1e-5)


def test_a_curve_that_is_not_connected_is_finished(start: Any) -> None:
    found = _finish(start((0, 1), (0, 2), max_steps=20, finish_steps=200, lr=0.1))
    trained = found.history[found.history["step"] == 20]
    assert (trained["minimum"] < 1).all()
    assert found.connected.all() and (found.curve.accuracy == 1).all() and found.over.all()
    assert (found.steps > 20).all() and (found.steps < 220).all()
    for pair in (0, 1):
        own = found.history[found.history["pair"] == pair]["step"].tolist()
        assert own == [0, 10, 20, found.steps[pair]]


def test_a_connected_curve_needs_no_finish(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from explorer.tasks.paths.finishing import Finish

    monkeypatch.setattr(Finish, "step", lambda *_: pytest.fail("is connected"))
    asked = {"max_steps": 1500, "lr": 0.3, "samples": 4, "look_every": 1500}
    found = _finish(start(finish_steps=200, stop_early=False, **asked))
    assert found.connected.all() and found.steps.tolist() == [1500]


@pytest.mark.parametrize(("helps", "steps"), [(True, 11), (False, 6)])
def test_a_curve_that_stays_unconnected_ends(
    start: Any, monkeypatch: pytest.MonkeyPatch, helps: bool, steps: int
) -> None:
    """After the last step that was allowed, or where no step makes it better."""
    from explorer.tasks.paths.finishing import Finish

    def step(finish: Finish, curve: Any) -> Generator[None, None, bool]:
        yield
        if helps:
            curve.move_to(curve.bends)
        return helps

    monkeypatch.setattr(Finish, "step", step)
    found = _finish(start((0, 1), (3, 4), max_steps=6, finish_steps=5))
    assert found.steps.tolist() == [steps] * 2
    assert found.over.all() and not found.connected.any()
    own = found.history[found.history["pair"] == 0]["step"].tolist()
    assert own == ([0, 6, 11] if helps else [0, 6])  # what has not moved is not measured again


def test_a_curve_that_is_not_connected_begins_anew(start: Any) -> None:
    """A later attempt is what a first one of as many steps would be."""
    asked = {"finish_steps": 2, "lr": 0.1, "look_every": 4}
    whole = start((0, 1), (0, 2), max_steps=48, **asked)
    expected = _finish(whole)
    whole._file.unlink()
    again = start((0, 1), (0, 2), max_steps=3, attempts=3, **asked)
    found = _finish(again)
    assert not expected.connected.all(), "a test of nothing"
    before = (3 + 2) + (12 + 2)
    for alone, later in zip(whole._trainers, again._trainers, strict=True):
        assert later.steps == alone.steps + before
        np.testing.assert_array_equal(later.bends, alone.bends)
    assert found.over.all() and found.history["minimum"][-1] == expected.history["minimum"][-1]
    own = found.history[found.history["pair"] == 0]["step"].tolist()
    assert own[:7] == [0, 3, 5, 9, 13, 17, 19]
    assert found.begun_anew(0) == [5, 19]


def test_what_a_further_attempt_makes_worse_is_not_kept(start: Any) -> None:
    """Stopped soon after it began, or at its end."""
    asked: dict[str, Any] = {"max_steps": 20, "attempts": 2, "finish_steps": 0, "look_every": 2}
    task = start(**asked)
    steps = task.steps()
    while task._trainers[0].taken < 3 or not task._trainers[0].attempt:
        next(steps)
    first = task.paths.history[task.paths.history["step"] == 20]
    later = task.paths.history[task.paths.history["step"] > 20]
    assert later.size and (later["mean"] < first["mean"]).all(), "a test of nothing"
    task.stop()
    assert task.paths.steps.tolist() == [20] and task.paths.over.all()
    assert task.paths.mean(0) == pytest.approx(first["mean"][0])
    kept = Paths.load(task._file)
    assert np.array_equal(kept.bends, task.paths.bends) and kept.mean(0) == task.paths.mean(0)


def test_a_connected_curve_is_better_than_one_that_is_right_nearly_everywhere(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a long text it may miss a token all along, so that its mean is the lower one."""
    task = start(max_steps=2, attempts=2, look_every=100)
    measured, trainer = task._measure, task._trainers[0]

    def measure(pair: int, points: np.ndarray) -> Any:
        found = measured(pair, points)
        if trainer.steps:
            found.accuracy[:] = 0.99 if trainer.attempt else 1
            found.accuracy[4] = 0.99 if trainer.attempt else 0.98
        return found

    monkeypatch.setattr(task, "_measure", measure)
    found = _finish(task)
    assert found.history["step"].tolist() == [0, 2, 10]
    assert found.history["mean"][1] > found.history["mean"][2]
    assert found.steps.tolist() == [10] and found.connected.all()


def test_what_is_connected_does_not_begin_anew(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where a token between two points of the grid is wrong."""
    monkeypatch.setattr(Connecting, "_holds_between", lambda *_: False)
    asked = {"max_steps": 1500, "lr": 0.3, "samples": 4, "look_every": 1500}
    found = _finish(start(finish_steps=0, attempts=2, **asked))
    assert found.connected.all() and found.steps.tolist() == [1500]


def test_nothing_is_finished_or_begun_anew_where_nothing_is_to_be_trained(start: Any) -> None:
    found = _finish(start(max_steps=0, finish_steps=5, attempts=3))
    assert found.steps.tolist() == [0] and found.over.all()


def test_a_curve_that_diverges_ends_as_it_was_measured_last(
    start: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its file stays readable, and with it that of the others."""
    from explorer.tasks.paths.bends import CurveTrainer

    update = CurveTrainer.update

    def poisoned(trainer: CurveTrainer, w: Any, gradient: Any, loss: Any) -> None:
        nowhere = trainer is task._trainers[1] and trainer.steps == 12
        update(trainer, w, gradient * np.nan if nowhere else gradient, loss)

    task = start((0, 1), (0, 2))
    monkeypatch.setattr(CurveTrainer, "update", poisoned)
    _finish(task)
    found = Paths.load(tmp_path / "paths" / FILE)
    assert found.over.all() and found.steps.tolist() == [40, 10]
    assert np.isfinite(found.bends).all() and np.isfinite(found.curve.loss).all()


def test_an_interrupted_task_goes_on_as_if_never_interrupted(start: Any, tmp_path: Path) -> None:
    whole = _finish(start((0, 1), (0, 2)))
    (tmp_path / "paths" / FILE).unlink()
    first = start((0, 1), (0, 2))
    steps = first.steps()
    *_, last = (next(steps) for _ in range(17))
    steps.close()
    assert 0 < last.fraction < 1
    second = start((0, 1), (0, 2))
    assert second.resumed
    again = _finish(second)
    assert np.array_equal(whole.bends, again.bends)
    assert np.array_equal(whole.curve.accuracy, again.curve.accuracy)
    order = np.argsort(again.history, order=["pair", "step"])
    assert np.array_equal(
        np.sort(whole.history, order=["pair", "step"])["loss"], again.history["loss"][order]
    )


def test_a_checkpoint_of_other_pairs_or_settings_is_not_taken_up(start: Any) -> None:
    _finish(start())
    assert start().resumed
    assert not start((0, 2)).resumed
    assert not start(seed=1).resumed


def test_many_pairs_take_turns_and_all_come_to_an_end(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from explorer.tasks.paths import connecting as task

    alone = _finish(start((3, 4), max_steps=12))
    monkeypatch.setattr(task, "ROWS_AT_ONCE", 4)  # two pairs at a time
    found = _finish(start((0, 1), (0, 2), (1, 2), (3, 4), max_steps=12))
    assert found.steps.tolist() == [12] * 4 and found.over.all()
    np.testing.assert_allclose(found.bends[3], alone.bends[0], atol=1e-5)
    assert found.text(3).text == "Two vectors say"[: len(found.text(3).text)]


def test_stopping_measures_what_is_under_way_and_leaves_the_rest_out(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from explorer.tasks.paths import connecting as task

    monkeypatch.setattr(task, "ROWS_AT_ONCE", 2)
    connecting = start((0, 1), (0, 2))
    steps = connecting.steps()
    for _ in range(1 + 5):  # a measurement; then each step is announced
        next(steps)
    steps.close()
    connecting.stop()
    assert connecting.paths.measured.tolist() == [True, False]
    assert connecting.paths.steps[0] == 4 and connecting.paths.over.all()
    assert connecting.paths.connected.tolist()[1] is False


def test_what_cannot_be_connected_is_refused_before_any_model_is_loaded(
    start: Any, exact_solutions: "list[Solution]", pool: "ModelPool", tmp_path: Path
) -> None:
    with pytest.raises(BadInputError, match="different texts"):
        start((0, 3))
    with pytest.raises(BadInputError, match="same solution"):
        start((1, 1))
    from dataclasses import replace

    other = [
        replace(s, record=s.record.model_copy(update={"fingerprint": "0" * 64}))
        for s in exact_solutions[:2]
    ]
    with pytest.raises(ModelError, match="other weights"):
        Connecting([(other[0], other[1])], "bezier", QUICK, pool, tmp_path)


def test_a_file_of_paths_survives_the_disk_and_damage_is_said(start: Any, tmp_path: Path) -> None:
    found = _finish(start((0, 1), (0, 2), max_steps=3))
    path = tmp_path / "again.safetensors"
    found.save(path)
    again = Paths.load(path)
    assert again.header == found.header
    assert np.array_equal(again.history, found.history)
    for name in ("accuracy", "loss", "predicted", "p", "rank"):
        assert np.array_equal(getattr(again.curve, name), getattr(found.curve, name))
    pieces = again.header.pieces
    assert set(np.unique(again.curve.predicted)) <= set(pieces)
    for damage in (b"", path.read_bytes()[:200], b"\0" * 100):
        path.write_bytes(damage)
        with pytest.raises(CorruptFileError, match=r"again\.safetensors"):
            Paths.load(path)


def test_the_control_point_file_holds_the_trained_point(start: Any) -> None:
    from safetensors.numpy import load

    found = _finish(start(max_steps=5))
    tensors = load(places.control_point_bytes(found, 0))
    assert list(tensors) == ["control_point"]
    assert np.array_equal(tensors["control_point"], found.points(0)[1])
    assert tensors["control_point"].shape == (64,)
    middle = 0.25 * found.points(0)[0] + 0.5 * tensors["control_point"] + 0.25 * found.points(0)[2]
    np.testing.assert_allclose(
        positions("bezier", found.points(0), np.array([0.5]))[0], middle, atol=1e-5
    )


def test_connected_means_099_at_every_point_and_converged_means_it_stayed_so(start: Any) -> None:
    from dataclasses import replace

    from explorer.paths.result import HISTORY

    found = _finish(start((0, 1), (0, 2), max_steps=1))
    found.curve.accuracy[:] = 1
    found.curve.accuracy[1, 4] = np.float32(THRESHOLD) - 0.01
    assert found.connected.tolist() == [True, False]
    rows = [(0, s, low, 1, 0.1) for s, low in ((0, 0.2), (10, 1), (20, 0.9), (30, 1), (40, 0.99))]
    told = replace(found, history=np.array([*rows, (1, 0, 0.5, 0.7, 2.0)], dtype=HISTORY))
    assert told.converged_at(0) == 30
    assert told.converged_at(1) is None


def test_a_file_of_paths_names_every_format_it_was_trained_in(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from explorer.base.provenance import versions

    monkeypatch.setattr("explorer.model.frozen.bfloat16_pays", lambda device: True)
    first = start(precision="auto")
    steps = first.steps()
    for _ in range(15):
        next(steps)
    steps.close()
    assert first.paths.header.searched_in == "bfloat16"
    monkeypatch.setattr("explorer.model.frozen.bfloat16_pays", lambda device: False)
    second = start(precision="auto")
    assert second.resumed
    found = _finish(second)
    assert found.header.searched_in == "bfloat16, then float32"
    assert (found.header.device, found.header.versions) == ("cpu", versions())
    over = start(precision="auto")
    assert over.resumed and over.paths.header == found.header  # nothing is left to compute
