"""What is read of a run in progress by those who look again and again."""

from pathlib import Path

import numpy as np
import pytest

from explorer.solutions import watching
from explorer.solutions.recording import MAX_FRAMES, RecordingHeader, RecordingLog, read_log
from explorer.solutions.watching import read_newest, watch
from tests.explorer.solutions.test_recording import HEADER, _frame


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "job").mkdir()
    return tmp_path / "job"


BIG = RecordingHeader(
    model="embedded", target_ids=list(range(24)), seeds=[0, 1, 2, 3], d_model=576, arrangement="e"
)


def _bytes_read() -> int:
    """Return how many bytes this process has asked the system for so far."""
    for line in Path("/proc/self/io").read_text().splitlines():
        if line.startswith("rchar:"):
            return int(line.removeprefix("rchar:"))
    raise AssertionError("no rchar")


needs_proc = pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="Linux counts bytes")


@needs_proc
def test_the_live_view_reads_one_frame_however_long_the_log_is(folder: Path) -> None:
    log, size = RecordingLog(folder, BIG), BIG.frame_dtype.itemsize
    for step in range(1, MAX_FRAMES):
        log.publish(_frame(step, BIG))
    assert log.path.stat().st_size > (MAX_FRAMES - 2) * size
    before = _bytes_read()
    for _ in range(100):
        found = read_newest(folder)
        assert found is not None and found.frames["step"].tolist() == [MAX_FRAMES - 1]
    each = (_bytes_read() - before) / 100
    assert size < each < 4 * size  # the head comes in whole buffers; all frames are 199 times size
    before = _bytes_read()
    read_log(folder)
    assert _bytes_read() - before > 190 * size


def test_the_newest_frame_is_what_the_whole_log_ends_with(folder: Path) -> None:
    assert read_newest(folder) is None
    log = RecordingLog(folder, HEADER)
    assert read_newest(folder) is None
    for step in range(1, 450):
        log.publish(_frame(step))
        newest, whole = read_newest(folder), read_log(folder)
        assert newest is not None and whole is not None and newest.header == whole.header
        assert newest.frames.tobytes() == whole.frames[-1:].tobytes()
    RecordingLog(folder, HEADER, until=100)  # goes on from there: what is shown ends there
    newest = read_newest(folder)
    assert newest is not None and newest.frames["step"].tolist() == [97]


@pytest.mark.parametrize(
    "live", [b"", b"half a frame", bytes(7 * HEADER.frame_dtype.itemsize)[:-1]]
)
def test_without_a_whole_live_frame_the_last_of_the_log_is_shown(folder: Path, live: bytes) -> None:
    log = RecordingLog(folder, HEADER)
    for step in (1, 2):
        log.publish(_frame(step))
    log.path.write_bytes(log.path.read_bytes() + b"half of the third")
    log.live.write_bytes(live)
    newest = read_newest(folder)
    assert newest is not None and newest.frames["step"].tolist() == [2]


@pytest.mark.parametrize("size", [0, 40, 2**40])
def test_a_head_that_is_not_whole_is_no_recording(folder: Path, size: int) -> None:
    (folder / "frames.log").write_bytes(size.to_bytes(8, "little") + b"{}")
    assert read_newest(folder) is None and read_log(folder) is None and watch(folder) is None


def test_who_watches_sees_what_a_fresh_look_sees(folder: Path) -> None:
    """However the log grew in between: by frames, thinned, gone on with, of another run."""
    draw = np.random.default_rng(0)
    header, step, log = HEADER, 0, RecordingLog(folder, HEADER)
    for look in range(120):
        for _ in range(int(draw.integers(0, 40))):
            step += 1
            log.publish(_frame(step, header))
        if look % 17 == 5:
            step = max(0, step - 30)
            log = RecordingLog(folder, header, until=step)
        if look % 40 == 39:
            header, step = header.model_copy(update={"title": f"run {look}"}), 0
            log = RecordingLog(folder, header)
        watched, fresh = watch(folder), read_log(folder)
        assert (watched is None) == (fresh is None)
        if watched is not None and fresh is not None:
            assert watched.header == fresh.header
            assert watched.frames.tobytes() == fresh.frames.tobytes()


@needs_proc
def test_who_watches_reads_what_was_added(folder: Path) -> None:
    log, size = RecordingLog(folder, BIG), BIG.frame_dtype.itemsize
    for step in range(1, 151):
        log.publish(_frame(step, BIG))
    watch(folder)
    before = _bytes_read()
    for step in range(151, 171):
        log.publish(_frame(step, BIG))
        found = watch(folder)
        assert found is not None and len(found) == step
    assert (_bytes_read() - before) / 20 < 6 * size


def test_a_live_frame_alone_is_a_beginning(folder: Path) -> None:
    for header in (HEADER, BIG):  # of other sizes
        log = RecordingLog(folder, header)
        assert watch(folder) is None
        log.live.write_bytes(_frame(3, header).tobytes())
        for found in (watch(folder), read_log(folder), read_newest(folder)):
            assert found is not None and found.frames["step"].tolist() == [3]


def test_all_who_watch_share_one_history(folder: Path) -> None:
    log = RecordingLog(folder, HEADER)
    for step in (1, 2, 3):
        log.publish(_frame(step))
    found = [watch(folder) for _ in range(30)]
    assert len({id(each.frames) for each in found if each is not None}) == 1
    with pytest.raises(ValueError, match="read-only"):
        found[0].frames["step"] = 9  # type: ignore[union-attr]


def test_what_nobody_watches_is_forgotten(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(watching.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(watching, "_watched", {})
    RecordingLog(folder, HEADER).publish(_frame(1))
    watch(folder)
    reader = watching._watched[folder][1]
    clock[0] += 59
    watch(folder)
    assert watching._watched[folder][1] is reader
    clock[0] += 61
    watch(tmp_path / "another")
    assert list(watching._watched) == [tmp_path / "another"]
