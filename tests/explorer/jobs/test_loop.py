import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from explorer import folders, store
from explorer.database import JobRow, transaction
from explorer.errors import BadInputError
from explorer.jobs import client, loop, runners
from explorer.jobs.specs import BringSpec
from explorer.reconstruct import Reconstruction
from explorer.recording import Recording
from explorer.solutions import load_solution

if TYPE_CHECKING:
    from tests.explorer.jobs.conftest import MakeSpec, Shift

Hire = Callable[[], "Shift"]
StepsOf = Callable[[str], int]


def _solutions(job_id: str) -> list[Path]:
    result = client.get(job_id).result
    return [store.run_folder(job_id) / f"{name}.safetensors" for name in result["solutions"]]


def test_a_job_goes_from_queued_over_running_to_done(shift: "Shift", quick: "MakeSpec") -> None:
    job_id = client.submit(quick(restarts=2))
    seen = [client.get(job_id).state]
    while not client.get(job_id).over:
        shift.turns(1)
        if (state := client.get(job_id).state) != seen[-1]:
            seen.append(state)
    assert seen == ["queued", "running", "done"]
    job = client.get(job_id)
    assert (job.fraction, job.error, job.notices) == (1.0, None, [])
    assert job.sentence == "2 of 2 restarts exact."
    assert job.finished is not None and job.finished >= job.created
    found = [load_solution(path) for path in _solutions(job_id)]
    assert [s.record.seed for s in found] == [2, 3]
    assert all(s.record.exact and s.record.job == job_id for s in found)
    assert job.result["h_lm"] == found[0].record.h_lm
    recording = Recording.load(store.run_folder(job_id) / store.RECORDING)
    assert recording.frames["accuracy"][-1].tolist() == [1.0, 1.0]
    timed = store.race_of(store.run_folder(job_id))
    assert timed is not None and timed.tokens == 3
    assert timed.one_forward_text == found[0].record.text
    assert shift.worker.active == {} and shift.turns(1) == [False]


def test_what_it_says_while_it_runs(shift: "Shift", long: "MakeSpec", steps_of: StepsOf) -> None:
    job_id = client.submit(long())
    shift.until(lambda: steps_of(job_id) > 20)
    job = client.get(job_id)
    assert job.sentence.startswith("Step ") and "of at most 100000, at most" in job.sentence
    assert 0 < job.fraction < 0.01
    assert client.worker_status().ahead == 1


def test_two_jobs_advance_in_every_turn(
    shift: "Shift", long: "MakeSpec", steps_of: StepsOf
) -> None:
    ids = [client.submit(long(seed=seed)) for seed in (0, 5)]
    shift.until(lambda: all(steps_of(job_id) > 0 for job_id in ids))
    before = [steps_of(job_id) for job_id in ids]
    for _ in range(5):
        shift.turns(1)
        after = [steps_of(job_id) for job_id in ids]
        assert all(b > a for a, b in zip(before, after, strict=True))
        before = after
    third = client.submit(long())
    shift.until(lambda: steps_of(third) > 0)
    assert not any(client.get(job_id).over for job_id in ids)


def test_jobs_share_the_time_and_not_the_steps(
    shift: "Shift", quick: "MakeSpec", monkeypatch: pytest.MonkeyPatch
) -> None:
    """One job takes 10 ms a step and one 100 ms, by a clock that only they move."""
    clock, spent = [100.0], {0: 0.0, 1: 0.0}

    def run(job: Any) -> Iterator[None]:
        cost = (0.01, 0.1)[job.spec.seed]
        while True:
            clock[0] += cost
            spent[job.spec.seed] += cost
            yield

    monkeypatch.setattr(runners, "run", run)
    monkeypatch.setattr(loop, "SLICE_SECONDS", 0.5)
    monkeypatch.setattr(loop, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: clock[0], time=time.time))
    for seed in (0, 1):
        client.submit(quick(seed=seed))
    shift.turns(20)
    assert spent[0] == pytest.approx(20 * 0.5, rel=0.05)
    assert spent[1] == pytest.approx(20 * 0.5, rel=0.2)


def test_a_paused_job_rests_and_goes_on_where_it_was(
    shift: "Shift", long: "MakeSpec", steps_of: StepsOf
) -> None:
    job_id = client.submit(long())
    shift.until(lambda: steps_of(job_id) > 5)
    client.ask(job_id, "pause")
    shift.until(lambda: client.get(job_id).state == "paused")
    reached, folder = steps_of(job_id), client.folder_of(job_id)
    assert shift.turns(5) == [False] * 5
    assert steps_of(job_id) == reached and (folder / "checkpoint.safetensors").exists()
    assert client.get(job_id).wanted == "pause"
    with client.compute_lock("cpu").acquire(timeout=0):
        assert client.worker_status().ahead == 0
    client.ask(job_id, "run")
    shift.until(lambda: steps_of(job_id) > reached + 3)
    job = client.get(job_id)
    assert (job.state, job.notices) == ("running", [])


def test_a_paused_job_does_not_hold_up_another(
    shift: "Shift", long: "MakeSpec", quick: "MakeSpec", steps_of: StepsOf
) -> None:
    resting = client.submit(long())
    shift.until(lambda: steps_of(resting) > 0)
    client.ask(resting, "pause")
    (done,) = shift.finish(client.submit(quick()))
    assert (done.state, client.get(resting).state) == ("done", "paused")


def test_a_job_paused_before_it_began_waits(
    shift: "Shift", quick: "MakeSpec", steps_of: StepsOf
) -> None:
    job_id = client.submit(quick())
    client.ask(job_id, "pause")
    assert shift.turns(3) == [False] * 3
    assert client.get(job_id).state == "queued" and steps_of(job_id) == 0
    client.ask(job_id, "run")
    assert shift.finish(job_id)[0].state == "done"


def test_a_pause_taken_back_before_it_is_heard_changes_nothing(
    shift: "Shift", long: "MakeSpec", steps_of: StepsOf
) -> None:
    job_id = client.submit(long())
    shift.until(lambda: steps_of(job_id) > 0)
    before = steps_of(job_id)
    client.ask(job_id, "pause")
    client.ask(job_id, "run")
    assert shift.turns(2) == [True, True]
    assert client.get(job_id).state == "running" and steps_of(job_id) > before


@pytest.mark.parametrize("paused", [False, True])
def test_stopping_keeps_the_best_state(
    shift: "Shift", long: "MakeSpec", steps_of: StepsOf, paused: bool
) -> None:
    job_id = client.submit(long(restarts=3))
    shift.until(lambda: steps_of(job_id) > 10)
    if paused:
        client.ask(job_id, "pause")
        shift.until(lambda: client.get(job_id).state == "paused")
    client.ask(job_id, "stop")
    (job,) = shift.finish(job_id)
    assert (job.state, job.error) == ("stopped", None)
    assert job.sentence == "0 of 3 restarts exact."
    found = [load_solution(path) for path in _solutions(job_id)]
    assert [s.record.seed for s in found] == [2, 3, 4]
    assert {s.record.reason for s in found} == {"stopped by hand"}
    assert all(s.record.steps > 10 for s in found)
    recording = Recording.load(store.run_folder(job_id) / store.RECORDING)
    shown = recording.frames["accuracy"][-1].tolist()
    assert shown == pytest.approx([s.record.accuracy for s in found])
    assert not (client.folder_of(job_id) / "checkpoint.safetensors").exists()


def test_a_job_stopped_before_it_began_never_begins(shift: "Shift", quick: "MakeSpec") -> None:
    job_id = client.submit(quick())
    client.ask(job_id, "stop")
    job = client.get(job_id)
    assert (job.state, job.sentence) == ("stopped", "Stopped before it began.")
    assert job.finished is not None
    assert shift.turns(2) == [False, False]
    assert not client.folder_of(job_id).exists() and not store.run_folder(job_id).exists()


def test_a_wish_to_stop_that_crosses_the_worker_is_heard_too(
    shift: "Shift", quick: "MakeSpec"
) -> None:
    job_id = client.submit(quick())
    with transaction() as session:
        row = session.get(JobRow, job_id)
        assert row is not None
        row.wanted = "stop"
    assert shift.turns(1) == [False]
    job = client.get(job_id)
    assert (job.state, job.sentence) == ("stopped", "Stopped before it began.")


FAILURES = {
    "unknown model": ({"model": "no such model"}, r"There is no model 'no such model'"),
    "not here": ({"model": "nobody/nothing"}, "nobody/nothing is not complete on this disk"),
    "no folder": ({"model": "/nowhere/at/all"}, "There is no model folder"),
    "too short": ({"length": 100}, r"The text has \d+ tokens and 100 are wanted"),
    "too long": ({"text": "heron " * 200, "length": 200}, "has positions for 128 target tokens"),
    "empty": ({"text": ""}, "The text is empty"),
}


def test_jobs_that_cannot_be_done_fail_with_a_sentence_and_others_go_on(
    shift: "Shift", quick: "MakeSpec"
) -> None:
    bad = {name: client.submit(quick(**fields)) for name, (fields, _) in FAILURES.items()}
    good = client.submit(quick())
    shift.finish(*bad.values(), good)
    for name, job_id in bad.items():
        job = client.get(job_id)
        assert job.state == "failed" and job.finished is not None, name
        assert job.error is not None and "\n" not in job.error
        assert re.search(FAILURES[name][1], job.error), job.error
    assert (client.get(good).state, client.get(good).error) == ("done", None)


def test_what_nobody_expected_fails_one_job_with_a_plain_sentence(
    shift: "Shift",
    quick: "MakeSpec",
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    plain = runners.run

    def run(job: Any) -> Iterator[None]:
        yield from plain(job) if job.spec.seed else iter([None, {}["nowhere"]])

    monkeypatch.setattr(runners, "run", run)
    bad, good = client.submit(quick(seed=0)), client.submit(quick())
    with caplog.at_level(logging.ERROR, "explorer.worker"):
        failed, done = shift.finish(bad, good)
    assert failed.state == "failed"
    assert failed.error == (
        "Something unexpected happened (KeyError: 'nowhere'). "
        "The details are in worker.log in the cache folder."
    )
    assert bad in caplog.text and "Traceback" in caplog.text
    assert done.state == "done"


def _endless(job: Any) -> Iterator[None]:
    while True:
        time.sleep(0.001)
        yield


def test_a_job_that_took_the_worker_down_three_times_is_given_up(
    hire: Hire, quick: "MakeSpec", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runners, "run", _endless)
    job_id = client.submit(quick())
    for _ in range(3):
        shift = hire()
        assert client.get(job_id).state == "queued"
        assert shift.turns(1) == [True]
        assert client.get(job_id).state == "running"
        shift.die()
    shift = hire()
    assert shift.turns(1) == [False]
    job = client.get(job_id)
    assert job.state == "failed" and job.error is not None
    assert "died 3 times" in job.error and "smaller model" in job.error
    assert hire().turns(1) == [False]


def test_a_new_worker_goes_on_where_a_dead_one_was(
    hire: Hire, long: "MakeSpec", quick: "MakeSpec", steps_of: StepsOf
) -> None:
    first = hire()
    (earlier,) = first.finish(client.submit(quick()))
    job_id = client.submit(long())
    first.until(lambda: steps_of(job_id) > 20)
    first.die()
    second = hire()
    assert client.get(job_id).sentence == "Taken over by a new worker."
    reached = steps_of(job_id)
    second.until(lambda: steps_of(job_id) > reached)
    assert any("went on from its last checkpoint" in n for n in client.get(job_id).notices)
    assert client.get(earlier.id) == earlier
    assert all(path.exists() for path in _solutions(earlier.id))


def test_a_worker_that_ends_leaves_its_jobs_to_the_next(
    hire: Hire, long: "MakeSpec", steps_of: StepsOf
) -> None:
    first = hire()
    running, paused = (client.submit(long(seed=seed)) for seed in (0, 5))
    first.until(lambda: steps_of(running) > 8 and steps_of(paused) > 8)
    client.ask(paused, "pause")
    first.until(lambda: client.get(paused).state == "paused")
    reached = steps_of(running), steps_of(paused)
    first.worker._put_down()
    for job_id in (running, paused):
        job = client.get(job_id)
        assert (job.state, job.sentence) == ("queued", "Waiting for a worker.")
    first.die()
    second = hire()
    second.until(lambda: steps_of(running) > reached[0])
    assert steps_of(running) < reached[0] + 100
    assert steps_of(paused) == reached[1]
    client.ask(paused, "run")
    second.until(lambda: steps_of(paused) > reached[1])
    for job_id in (running, paused):
        assert any("went on" in notice for notice in client.get(job_id).notices)


def test_questions_are_answered_while_a_long_job_runs(
    shift: "Shift", quick: "MakeSpec", long: "MakeSpec", steps_of: StepsOf
) -> None:
    (done,) = shift.finish(client.submit(quick()))
    (file, *_) = _solutions(done.id)
    busy = client.submit(long())
    shift.until(lambda: steps_of(busy) > 0)
    answers: list[dict[str, Any]] = []
    waited: list[float] = []

    def ask() -> None:
        start = time.monotonic()
        answers.append(client.request("decode", {"solution": str(file)}))
        waited.append(time.monotonic() - start)

    asking = threading.Thread(target=ask)
    asking.start()
    before = steps_of(busy)
    shift.until(lambda: not asking.is_alive())
    found = load_solution(file)
    assert answers[0]["predicted"] == found.target_ids.tolist()
    assert answers[0]["accuracy"] == 1.0 and answers[0]["text"] == found.record.text
    assert waited[0] < 2.0
    shift.turns(1)
    assert steps_of(busy) > before and client.get(busy).state == "running"


def test_a_question_that_breaks_does_not_break_the_job(
    shift: "Shift", long: "MakeSpec", steps_of: StepsOf
) -> None:
    busy = client.submit(long())
    shift.until(lambda: steps_of(busy) > 0)
    before = steps_of(busy)
    said: list[str] = []

    def ask() -> None:
        for kind, payload in (("decode", {}), ("dance", {})):
            with pytest.raises(Exception) as raised:
                client.request(kind, payload)
            said.append(str(raised.value))

    asking = threading.Thread(target=ask)
    asking.start()
    shift.until(lambda: not asking.is_alive())
    assert said == [
        "The worker could not answer (KeyError).",
        "There is no question of the kind “dance”.",
    ]
    shift.turns(1)
    assert steps_of(busy) > before


def test_a_job_waits_while_somebody_else_computes(
    shift: "Shift", quick: "MakeSpec", steps_of: StepsOf
) -> None:
    job_id = client.submit(quick())
    with client.compute_lock("cpu").acquire(timeout=0):
        assert shift.turns(3) == [False] * 3
        assert client.get(job_id).sentence == "Waiting: the command line is using this device."
        assert steps_of(job_id) == 0
    assert shift.finish(job_id)[0].state == "done"


def test_a_compute_lock_that_is_a_folder_is_said_and_harms_nothing(
    shift: "Shift", quick: "MakeSpec"
) -> None:
    lock = Path(client.compute_lock("cpu").lock_file)
    lock.unlink(missing_ok=True)
    lock.mkdir()
    job_id = client.submit(quick())
    assert shift.turns(2) == [False] * 2
    assert "cannot be used" in client.get(job_id).sentence
    lock.rmdir()
    assert shift.finish(job_id)[0].state == "done"


def test_jobs_of_another_version_fail_with_a_sentence_and_others_go_on(
    shift: "Shift", quick: "MakeSpec"
) -> None:
    foreign = [client.submit(quick()) for _ in range(2)]
    good = client.submit(quick())
    with transaction() as session:
        for job_id, spec in zip(foreign, ('{"kind": "dance"}', "not JSON"), strict=True):
            row = session.get(JobRow, job_id)
            assert row is not None
            row.spec = spec
    assert [job.id for job in client.jobs()] == [good]  # the lists leave out what nobody can read
    (done,) = shift.finish(good)
    assert done.state == "done"
    with transaction() as session:
        for job_id in foreign:
            row = session.get(JobRow, job_id)
            assert row is not None and row.state == "failed" and row.finished is not None
            assert row.error and row.error.endswith(".") and "\n" not in row.error


def test_a_worker_that_dies_before_the_race_leaves_the_race_to_the_next(
    hire: Hire, quick: "MakeSpec", monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = client.submit(quick())

    def killed(self: Reconstruction) -> Iterator[None]:
        raise SystemExit  # as far as the queue can see: no last words

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(Reconstruction, "race", killed)
        first = hire()
        first.finish(job_id)
    first.die()
    first.worker.active.clear()
    job = client.get(job_id)
    assert job.state == "running" and store.race_of(store.run_folder(job_id)) is None
    made = {path: path.stat().st_mtime_ns for path in _solutions(job_id)}
    (job,) = hire().finish(job_id)
    assert (job.state, job.sentence) == ("done", "1 of 1 restarts exact.")
    assert store.race_of(store.run_folder(job_id)) is not None
    assert {path: path.stat().st_mtime_ns for path in _solutions(job_id)} == made


def test_the_device_is_held_exactly_while_there_is_work(
    shift: "Shift", long: "MakeSpec", steps_of: StepsOf
) -> None:
    other = client.compute_lock("cpu")
    with other.acquire(timeout=0):
        assert other.is_locked
    job_id = client.submit(long())
    shift.until(lambda: steps_of(job_id) > 0)
    with pytest.raises(TimeoutError):
        other.acquire(timeout=0)
    client.ask(job_id, "stop")
    shift.finish(job_id)
    shift.turns(1)
    with other.acquire(timeout=0):
        assert other.is_locked


def test_a_row_that_was_deleted_ends_its_job(
    shift: "Shift", long: "MakeSpec", steps_of: StepsOf
) -> None:
    job_id = client.submit(long())
    shift.until(lambda: steps_of(job_id) > 0)
    with transaction() as session:
        session.delete(session.get(JobRow, job_id))
    shift.until(lambda: not shift.worker.active)
    with pytest.raises(BadInputError):
        client.get(job_id)


def test_a_model_that_is_here_needs_no_bringing(shift: "Shift", tiny_llama_folder: Path) -> None:
    (job,) = shift.finish(client.submit(BringSpec(model=str(tiny_llama_folder))))
    assert (job.state, job.fraction) == ("done", 1.0)
    assert job.sentence == "tiny-llama is on this disk."


def test_an_unknown_device_is_said() -> None:
    with pytest.raises(BadInputError, match="There is no device “toaster”"):
        loop.Worker("toaster", None)


def test_a_worker_without_its_parent_leaves_at_once(hire: Hire, quick: "MakeSpec") -> None:
    job_id = client.submit(quick())
    worker = hire().worker
    worker.parent = -1
    worker.run()
    assert client.get(job_id).state == "queued"
    assert worker.active == {}
    assert not (folders.local() / "jobs").exists()
