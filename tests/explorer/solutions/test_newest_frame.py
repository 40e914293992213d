"""What is read of a run in progress by those who look again and again."""

from pathlib import Path

import pytest

from explorer.solutions.recording import (
    MAX_FRAMES,
    RecordingHeader,
    RecordingLog,
    read_log,
    read_newest,
)
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
    assert read_newest(folder) is None and read_log(folder) is None


def test_a_live_frame_alone_is_a_beginning(folder: Path) -> None:
    for header in (HEADER, BIG):  # of other sizes
        log = RecordingLog(folder, header)
        assert read_log(folder) is None
        log.live.write_bytes(_frame(3, header).tobytes())
        for found in (read_log(folder), read_newest(folder)):
            assert found is not None and found.frames["step"].tolist() == [3]
