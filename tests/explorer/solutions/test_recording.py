import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from explorer.base.errors import CorruptFileError, StorageError
from explorer.solutions import recording
from explorer.solutions.recording import (
    MAX_FRAMES,
    PHASES,
    Recording,
    RecordingHeader,
    RecordingLog,
    read_log,
)

HEADER = RecordingHeader(
    model="tiny",
    target_ids=[5, 3, 8],
    seeds=[0, 1],
    d_model=4,
    arrangement="e+mN",
    title="naïve “heron”",
    groups=[(0, 1, " a"), (1, 3, "👩")],
)


def _frame(step: int, header: RecordingHeader = HEADER) -> NDArray[Any]:
    """Make a frame whose every number follows from its step."""
    frame = np.zeros(1, dtype=header.frame_dtype)
    for name in frame.dtype.names or ():
        frame[name] = step % 100
    frame["step"] = step
    frame["seconds"] = step / 8
    return frame


def _steps(folder: Path) -> list[int]:
    found = read_log(folder)
    assert found is not None
    return [int(step) for step in found.frames["step"]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "job").mkdir()
    return tmp_path / "job"


def test_a_frame_holds_every_restart_and_position() -> None:
    shapes = {name: HEADER.frame_dtype[name].shape for name in HEADER.frame_dtype.names or ()}
    assert shapes == {
        "step": (), "seconds": (), "best": (), "steps": (2,), "loss": (2,), "accuracy": (2,),
        "phase": (2,), "predicted": (2, 3), "p": (2, 3), "rank": (2, 3), "e": (4,), "m": (4,),
    }  # fmt: skip
    assert HEADER.frame_dtype["e"].base == HEADER.frame_dtype["m"].base == np.float16
    assert PHASES == ("search", "finish", "done", "rest")


def test_frames_come_back_as_they_were_published(folder: Path) -> None:
    log = RecordingLog(folder, HEADER)
    for step in range(1, 6):
        log.publish(_frame(step))
    found = read_log(folder)
    assert found is not None
    assert found.header == HEADER
    np.testing.assert_array_equal(found.frames, np.concatenate([_frame(s) for s in range(1, 6)]))
    assert len(found) == 5


def test_before_the_first_frame_there_is_no_recording(folder: Path) -> None:
    assert read_log(folder) is None
    assert read_log(folder / "nowhere") is None
    RecordingLog(folder, HEADER)
    assert read_log(folder) is None


@pytest.mark.parametrize("count", [1, 199, 200, 201, 399, 400, 401, 1000])
def test_long_runs_are_thinned(folder: Path, count: int) -> None:
    log = RecordingLog(folder, HEADER)
    for step in range(1, count):
        log.publish(_frame(step))
    log.publish(_frame(count), last=True)
    steps = _steps(folder)
    assert len(steps) <= MAX_FRAMES
    assert len(steps) >= min(count, MAX_FRAMES // 2)
    assert (steps[0], steps[-1]) == (1, count)
    gaps = np.diff(steps[:-1])
    assert len(set(gaps.tolist())) <= 1  # evenly spaced but for the newest


def test_every_reader_finds_few_frames_the_first_and_the_newest(folder: Path) -> None:
    log = RecordingLog(folder, HEADER)
    for step in range(1, 450):
        log.publish(_frame(step))
        if step % 7 == 0 or 195 < step < 205 or 395 < step < 405:
            steps = _steps(folder)
            assert len(steps) <= MAX_FRAMES
            assert (steps[0], steps[-1]) == (1, step)
            assert steps == sorted(set(steps))


def test_the_newest_frame_is_live_before_it_is_kept(folder: Path) -> None:
    log = RecordingLog(folder, HEADER)
    for step in range(1, MAX_FRAMES + 3):
        log.publish(_frame(step))
    assert log.stride == 2
    kept = read_log(folder, with_live=False)
    assert kept is not None
    assert kept.frames["step"][-1] == MAX_FRAMES + 1
    assert _steps(folder)[-1] == MAX_FRAMES + 2


@pytest.mark.parametrize("lost", [1, 7, HEADER.frame_dtype.itemsize - 1])
def test_a_half_written_record_is_left_out(folder: Path, lost: int) -> None:
    log = RecordingLog(folder, HEADER)
    for step in (1, 2, 3):
        log.publish(_frame(step))
    data = log.path.read_bytes()
    log.path.write_bytes(data[:-lost])
    log.live.unlink()
    assert _steps(folder) == [1, 2]
    resumed = RecordingLog(folder, HEADER)
    resumed.publish(_frame(4))
    assert _steps(folder) == [1, 2, 4]


def test_a_log_is_continued(folder: Path) -> None:
    first = RecordingLog(folder, HEADER)
    for step in range(1, 251):
        first.publish(_frame(step))
    before = _steps(folder)
    second = RecordingLog(folder, HEADER)
    assert _steps(folder) == before
    second.publish(_frame(251))
    assert _steps(folder) == [*before, 251]


@given(parts=st.lists(st.integers(1, 260), min_size=1, max_size=5))
@settings(max_examples=6, deadline=None)
def test_however_often_it_is_continued_it_stays_small_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, parts: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("continued")
    step = 0
    for count in parts:
        log = RecordingLog(folder, HEADER)
        for _ in range(count):
            step += 1
            log.publish(_frame(step))
        steps = _steps(folder)
        assert len(steps) <= MAX_FRAMES
        assert steps == sorted(set(steps))
        assert (steps[0], steps[-1]) == (1, step)


@pytest.mark.parametrize(
    "change", [{"target_ids": [5, 3]}, {"seeds": [0, 7]}, {"d_model": 5}, {"title": "another"}]
)
def test_the_log_of_another_run_is_not_continued(folder: Path, change: dict[str, Any]) -> None:
    other = HEADER.model_copy(update=change)
    log = RecordingLog(folder, other)
    log.publish(_frame(50, other))
    RecordingLog(folder, HEADER).publish(_frame(1))
    found = read_log(folder)
    assert found is not None and found.header == HEADER
    assert _steps(folder) == [1]


@pytest.mark.parametrize(
    "data", [b"", b"\x05", b"\x02" + bytes(7) + b"{}", b"\xff" * 80], ids=["0", "1", "{}", "ff"]
)
def test_a_log_of_something_else_is_no_recording(folder: Path, data: bytes) -> None:
    (folder / "frames.log").write_bytes(data)
    assert read_log(folder) is None
    RecordingLog(folder, HEADER).publish(_frame(1))
    assert _steps(folder) == [1]


def test_a_broken_live_frame_is_ignored(folder: Path) -> None:
    log = RecordingLog(folder, HEADER)
    log.publish(_frame(1))
    log.live.write_bytes(b"half a frame")
    assert _steps(folder) == [1]


def test_a_full_disk_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = RecordingLog(folder, HEADER)
    plain = Path.open

    def full(self: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if "a" in mode:
            raise OSError(errno.ENOSPC, "No space left on device")
        return plain(self, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(StorageError, match="No space left"):
        log.publish(_frame(1))


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        RecordingLog(tmp_path / "file" / "job", HEADER)


@pytest.fixture
def made(folder: Path) -> Recording:
    """A recording of 20 frames of random numbers."""
    draw = np.random.default_rng(0)
    frames = np.zeros(20, dtype=HEADER.frame_dtype)
    for name in frames.dtype.names or ():
        frames[name] = draw.integers(0, 9, size=frames[name].shape)
    frames["p"] = draw.random(frames["p"].shape)
    frames["accuracy"] = draw.random(frames["accuracy"].shape)
    frames["best"], frames["phase"] = frames["best"] % 2, frames["phase"] % 4
    frames["loss"][0] = np.nan
    return Recording(HEADER.model_copy(update={"pieces": {5: " a", 3: "\ufffd", 8: "b"}}), frames)


def test_a_recording_comes_back_as_it_was_saved(made: Recording, tmp_path: Path) -> None:
    found = Recording.load(made.save(tmp_path / "run" / "recording.safetensors"))
    assert found.header == made.header
    assert found.frames.dtype == made.frames.dtype
    for name in made.frames.dtype.names or ():
        np.testing.assert_array_equal(found.frames[name], made.frames[name])
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["recording.safetensors"]


def test_an_empty_recording_survives_too(tmp_path: Path) -> None:
    empty = Recording(HEADER, np.zeros(0, dtype=HEADER.frame_dtype))
    assert len(Recording.load(empty.save(tmp_path / "r.safetensors"))) == 0


def test_right_tokens_are_those_of_the_target(made: Recording) -> None:
    assert made.correct.shape == (20, 2, 3)
    for frame, restart, position in np.ndindex(made.correct.shape):
        predicted = made.frames["predicted"][frame, restart, position]
        assert made.correct[frame, restart, position] == (predicted == [5, 3, 8][position])
    assert 0 < made.correct.sum() < made.correct.size


@pytest.mark.parametrize(
    ("accuracy", "steps", "loss", "best"),
    [
        ([0.5, 0.9], [10, 90], [1.0, 2.0], 1),
        ([1.0, 1.0], [30, 20], [0.1, 0.2], 1),
        ([1.0, 1.0], [20, 20], [0.2, 0.1], 1),
        ([0.5, 0.5], [10, 5], [1.0, 2.0], 0),
        ([0.5, 0.5], [10, 5], [np.nan, 2.0], 1),
        ([1.0, 0.5], [90, 5], [3.0, 0.1], 0),
    ],
)
def test_the_best_restart_is_right_then_quick_then_sure(
    made: Recording, accuracy: list[float], steps: list[int], loss: list[float], best: int
) -> None:
    made.frames["accuracy"][-1], made.frames["steps"][-1] = accuracy, steps
    made.frames["loss"][-1] = loss
    assert made.best == best


def test_a_file_that_is_missing_or_damaged_is_said(made: Recording, tmp_path: Path) -> None:
    path = tmp_path / "r.safetensors"
    with pytest.raises(CorruptFileError, match=r"no file r\.safetensors"):
        Recording.load(path)
    data = made.save(path).read_bytes()
    for size in range(0, len(data), 211):
        path.write_bytes(data[:size])
        with pytest.raises(CorruptFileError):
            Recording.load(path)
    with pytest.raises(CorruptFileError):
        Recording.load(tmp_path)


def _rewrite(change: Callable[[dict[str, Any]], None], made: Recording, path: Path) -> Path:
    columns = {name: made.frames[name].copy() for name in made.frames.dtype.names or ()}
    change(columns)
    header = {"recording": made.header.model_dump_json()}
    path.write_bytes(safetensors.numpy.save(columns, header))
    return path


@pytest.mark.parametrize(
    "change",
    [
        lambda columns: columns.pop("rank"),
        lambda columns: columns.update(loss=np.zeros((20, 7), np.float32)),
        lambda columns: columns.update(p=columns["p"][:19].copy()),
        lambda columns: columns.update(p=columns["p"][:1].copy()),
        lambda columns: columns.update(step=np.array(3)),
    ],
    ids=["missing", "wrong width", "too short", "one for all", "a number"],
)
def test_columns_that_do_not_fit_are_said(
    made: Recording, tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    with pytest.raises(CorruptFileError):
        Recording.load(_rewrite(change, made, tmp_path / "r.safetensors"))


def test_a_foreign_safetensors_file_is_no_recording(tmp_path: Path) -> None:
    path = tmp_path / "r.safetensors"
    metadata: list[dict[str, str] | None] = [None, {"recording": "{}"}, {"recording": "no JSON"}]
    for each in metadata:
        path.write_bytes(safetensors.numpy.save({"step": np.zeros(2)}, each))
        with pytest.raises(CorruptFileError):
            Recording.load(path)


def test_a_header_of_frames_that_cannot_be_is_said(tmp_path: Path) -> None:
    header = HEADER.model_copy(update={"target_ids": [0] * 30_000, "seeds": [0] * 30_000})
    said = {"recording": header.model_dump_json()}
    path = tmp_path / "r.safetensors"
    path.write_bytes(safetensors.numpy.save({"step": np.zeros(1, np.int32)}, said))
    with pytest.raises(CorruptFileError, match="not a recording of this version"):
        Recording.load(path)
    text = header.model_dump_json().encode()
    (tmp_path / recording.LOG).write_bytes(len(text).to_bytes(8, "little") + text)
    assert read_log(tmp_path) is None


def test_the_limit_is_the_one_that_was_promised() -> None:
    assert recording.MAX_FRAMES == 200
