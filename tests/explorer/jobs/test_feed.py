"""What those who watch a job are told."""

import json
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest

from explorer.base.errors import ExplorerError
from explorer.jobs import client, feed
from explorer.paths import places
from explorer.paths.result import FILE
from explorer.solutions.recording import Recording, RecordingHeader
from explorer.specs.jobs import PathsSpec
from tests.explorer.jobs.frames import HEADER, Viewer, begin, change, frame, log_of, say


def recording(*frames: np.ndarray, header: RecordingHeader = HEADER) -> Recording:
    return Recording(header, np.concatenate(frames))


def test_a_look_reads_a_frame_once() -> None:
    job = begin()
    first = feed.poll({job: None})[job]
    assert first.newest is None and first.stamp is None
    log = log_of(job)
    log.publish(frame(1, [[1, 2, 3], [1, 2, 3]]))
    second = feed.poll({job: first.stamp})[job]
    assert second.newest is not None and second.newest.frames["step"].tolist() == [1]
    third = feed.poll({job: second.stamp})[job]
    assert third.newest is None and third.stamp == second.stamp
    log.publish(frame(2, [[1, 2, 3], [1, 2, 3]]))
    fourth = feed.poll({job: third.stamp})[job]
    assert fourth.newest is not None and fourth.newest.frames["step"].tolist() == [2]


def test_a_job_that_is_not_there_is_over() -> None:
    status = feed.poll({"nothere": None})["nothere"].status
    assert status["over"] and status["state"] == feed.GONE


@pytest.mark.parametrize(
    ("state", "requested", "shown"),
    [
        ("running", "run", "running"),
        ("running", "pause", "pausing"),
        ("paused", "pause", "paused"),
        ("running", "stop", "stopping"),
        ("stopped", "stop", "stopped"),
    ],
)
def test_the_state_says_what_was_asked_and_what_is(state: str, requested: str, shown: str) -> None:
    job = begin()
    change(job, state=state, requested=requested)
    status = feed.poll({job: None})[job].status
    assert status["state"] == shown and status["over"] == (state == "stopped")
    assert status["stamp"] == feed.stamp_of(client.get(job))


def test_the_stamp_changes_with_results_and_not_with_words() -> None:
    job = client.submit(PathsSpec(train=client.get(begin()).spec))
    stamps = [feed.stamp_of(client.get(job))]
    change(job, sentence="Step 3 of at most 40.", fraction=0.1)
    stamps.append(feed.stamp_of(client.get(job)))
    file = places.folder_of(job) / FILE
    file.parent.mkdir(parents=True)
    file.write_bytes(b"some results")
    stamps.append(feed.stamp_of(client.get(job)))
    change(job, state="done")
    stamps.append(feed.stamp_of(client.get(job)))
    assert stamps[0] == stamps[1] and len(set(stamps)) == 3


@pytest.mark.parametrize("h_lm", [float("nan"), float("inf"), 12.5])
def test_no_number_breaks_the_message(h_lm: float) -> None:
    job = begin()
    change(job, result={"h_lm": h_lm})
    shown = feed.poll({job: None})[job].status["h_lm"]
    assert shown == ("12.5 nats · 18 bits" if h_lm == 12.5 else "not a number")


def test_a_history_and_its_differences_are_the_run() -> None:
    """Whoever comes at any frame and hears on sees what the newest frame says."""
    draw = np.random.default_rng(0)
    frames = [frame(step, draw.integers(0, 40, (2, 3)).tolist()) for step in range(30)]
    for came in range(0, 30, 7):
        viewer, before = Viewer(), recording(frames[came])
        whole = recording(*frames[: came + 3])  # the log may be further than the frame
        first = feed.history(whole, before, say)
        viewer.hear(json.dumps({"reset": True} | first))
        assert viewer.steps == list(range(came + 1))
        for step in range(came + 1, 30):
            newest = recording(frames[step])
            viewer.hear(json.dumps(feed.difference(before, newest, say)))
            assert viewer.text == say(frames[step]["predicted"].ravel().tolist())
            before = newest
        assert viewer.steps == list(range(30))


def test_what_has_been_sent_is_sent_once() -> None:
    before = recording(frame(1, [[5, 2, 3], [1, 2, 9]]))
    newest = recording(frame(2, [[5, 6, 3], [1, 2, 8]]))
    said = feed.difference(before, newest, say)["said"]
    assert said["cells"] == [1, 5] and said["ids"] == [6, 8]
    assert said["pieces"] == {"8": "<8>"}  # 6 is a target, known from the head


def test_columns_are_read_back_as_they_were_written() -> None:
    made = np.concatenate([frame(step, [[1, 2, 3], [4, 5, 6]]) for step in (3, 9)])
    made["p"][0, 0] = [0.004, 0.5, np.nan]
    sent = feed.columns(made)
    for name, kind in feed.COLUMNS.items():
        read = np.frombuffer(b64decode(sent[name]), kind).reshape(made[name].shape)
        assert np.array_equal(read, made[name].astype(kind))
    percent = np.frombuffer(b64decode(sent["p"]), "u1").reshape(2, 2, 3)
    assert percent[0, 0].tolist() == [0, 50, 0] and (percent[1] == 25).all()


def test_a_long_history_of_a_wide_run_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "MOST_CELLS", 6 * 25)
    frames = [frame(step, [[1, 2, 3], [4, 5, 6]]) for step in range(100)]
    viewer = Viewer()
    history = feed.history(recording(*frames), recording(frames[-1]), say)
    viewer.hear(json.dumps({"reset": True} | history))
    assert len(viewer.steps) == 25 and (viewer.steps[0], viewer.steps[-1]) == (0, 99)


def test_a_run_that_went_back_does_not_go_on() -> None:
    one, two = (recording(frame(step, [[1, 2, 3], [4, 5, 6]])) for step in (4, 5))
    assert feed.goes_on(one, two) and not feed.goes_on(two, one)
    other = recording(frame(9, [[1, 2, 3]] * 2), header=HEADER.model_copy(update={"title": "x"}))
    assert not feed.goes_on(one, other)
    assert feed.is_same(one, one) and not feed.is_same(one, two) and not feed.is_same(None, one)


def test_why_nothing_moves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EXPLORER_NO_WORKER", "1")
    assert "is starting" in feed.worker_note()
    monkeypatch.setattr(client, "worker_status", lambda: client.WorkerStatus(True, "", 3))
    assert feed.worker_note().startswith("2 other jobs share")

    def refuse(_: str) -> bool:
        raise ExplorerError("Too little memory.")

    monkeypatch.setattr(client, "ensure_worker", refuse)
    assert feed.worker_note() == "Too little memory."
