import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from safetensors import safe_open

from explorer.solutions.recording import PHASES, Recording
from explorer.solutions.solution import Solution
from explorer.tasks.reconstruct import Reconstruction
from tests.explorer.tasks.reconstruct.cases import RECIPE, finish, walk

Make = Callable[..., Reconstruction]


@pytest.mark.parametrize("cuts", [[1], [12], [4, 1, 8]], ids=str)
def test_an_interrupted_run_ends_as_an_uninterrupted_one(
    make: Make, whole: tuple[list[Solution], Recording], cuts: list[int]
) -> None:
    expected, recorded = whole
    runs = set()
    for count in cuts:
        part = make("part")
        runs.add(part.run_id)
        assert part.resumed == (count != cuts[0] or part._step > 0)
        walk(part, count)
    last = make("part")
    assert last.resumed and last._step == sum(cuts)
    found = finish(last)
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(a.e, b.e)
        np.testing.assert_array_equal(a.m, b.m)
        same = ("accuracy", "loss", "steps", "reason", "seed", "made_from", "exact")
        for field in same:
            assert getattr(a.record, field) == getattr(b.record, field)
    assert {s.record.id.rpartition("-")[2] for s in found} == runs
    resumed = Recording.load(last.recording_file)
    assert resumed.header == recorded.header
    for name in set(resumed.frames.dtype.names or ()) - {"seconds"}:
        np.testing.assert_array_equal(resumed.frames[name], recorded.frames[name])
    assert sorted(last.out.glob("*.safetensors")) == sorted(
        [*last.solutions.values(), last.recording_file]
    )


def test_a_resumed_run_shows_what_resting_restarts_said_last(make: Make) -> None:
    """Of those no step measures anything until they go on."""
    asked = {
        "restarts": 4,
        "until": "first",
        "text": "qzjxkv",
        "length": 6,
        "recipe": RECIPE.model_copy(update={"halve_at": 4, "max_steps": 12}),
    }
    whole = make("whole", **asked)
    finish(whole)
    walk(make("part", **asked), 7)
    part = make("part", **asked)
    assert "rest" in part.trainer.report(detailed=False).phase
    finish(part)
    expected, found = (Recording.load(task.recording_file).frames for task in (whole, part))
    assert (expected["phase"] == PHASES.index("rest")).any()
    for name in set(expected.dtype.names or ()) - {"seconds"}:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


def test_a_run_that_was_killed_goes_on_from_its_last_checkpoint(
    make: Make,
    whole: tuple[list[Solution], Recording],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A power cut: the log is further than the checkpoint, and nobody closes the iterator."""
    expected, _ = whole
    task = make("killed")
    steps = task.steps()
    for _ in range(1 + 6):
        next(steps)
    monkeypatch.setattr("explorer.tasks.task.CheckpointTimer.due", False)
    for _ in range(5):
        next(steps)
    shutil.copytree(tmp_path / "killed", tmp_path / "after")
    steps.close()
    resumed = make("after")
    assert resumed.resumed and resumed._step == 6
    found = finish(resumed)
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(a.e, b.e)
        assert a.record.steps == b.record.steps
    shown = Recording.load(resumed.recording_file).frames["step"]
    assert shown.tolist() == sorted(set(shown.tolist()))
    assert shown[-1] == resumed._step


def test_a_run_that_was_killed_before_its_last_words_only_says_them(make: Make) -> None:
    task = make()
    steps = task.steps()
    for _ in steps:
        if task.trainer.finished:
            break
    assert not task.recording_file.exists()
    checkpoint = task.folder / "checkpoint.safetensors"
    assert checkpoint.exists()
    again = make()
    assert again.resumed and again.trainer.finished
    assert again.solutions == task.solutions
    assert list(again.steps()) == []
    assert again.recording_file.exists()
    again.discard()
    assert not checkpoint.exists()


def _damage_all(path: Path) -> None:
    path.unlink()


def _damage_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _damage_bytes(path: Path) -> None:
    path.write_bytes(b"not a checkpoint")


def _damage_metadata(path: Path) -> None:
    tensors = safetensors.numpy.load_file(path)
    path.write_bytes(safetensors.numpy.save(tensors))


def _damage_tensor(path: Path) -> None:
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    tensors = safetensors.numpy.load_file(path)
    del tensors["0/count"]
    path.write_bytes(safetensors.numpy.save(tensors, metadata))


def _damage_state(path: Path) -> None:
    """As a later version might write it."""
    with safe_open(path, framework="numpy") as file:
        said = json.loads(file.metadata()["checkpoint"])
    said["trainings"][0]["rows"][0]["new_field"] = 1
    tensors = safetensors.numpy.load_file(path)
    path.write_bytes(safetensors.numpy.save(tensors, {"checkpoint": json.dumps(said)}))


def _damage_origin(path: Path) -> None:
    """As other settings, weights or another number format would have left it."""
    with safe_open(path, framework="numpy") as file:
        said = json.loads(file.metadata()["checkpoint"])
    tensors = safetensors.numpy.load_file(path)
    other = said | {"of": "0" * 64}
    path.write_bytes(safetensors.numpy.save(tensors, {"checkpoint": json.dumps(other)}))


def _damage_shape(path: Path) -> None:
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    tensors = safetensors.numpy.load_file(path)
    tensors["0/square"] = tensors["0/square"][:1].copy()
    path.write_bytes(safetensors.numpy.save(tensors, metadata))


@pytest.mark.parametrize(
    "damage",
    [
        _damage_all,
        _damage_half,
        _damage_bytes,
        _damage_metadata,
        _damage_tensor,
        _damage_state,
        _damage_origin,
        _damage_shape,
    ],
    ids=lambda damage: damage.__name__,
)
def test_without_a_usable_checkpoint_a_run_starts_afresh(
    make: Make, whole: tuple[list[Solution], Recording], damage: Callable[[Path], None]
) -> None:
    expected, _ = whole
    walk(make("part"), 6)
    damage(make("part").folder / "checkpoint.safetensors")
    again = make("part")
    assert not again.resumed
    found = finish(again)
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(a.e, b.e)
        assert a.record.steps == b.record.steps
    frames = Recording.load(again.recording_file).frames
    assert frames["step"].tolist() == sorted(set(frames["step"].tolist()))
