"""Every job has one owner: claimed once, held by a lease, and lost without a trace."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from explorer.base import files
from explorer.base.database import JobRow, RequestRow, WorkerRow, transaction
from explorer.jobs import client, kept, ownership
from explorer.jobs.ownership import LostError, Owner
from explorer.model.pool import ModelPool
from explorer.specs.jobs import DownloadSpec
from explorer.worker import hands, requests, runners
from explorer.worker.context import JobContext
from tests.explorer.worker.cases import solutions_of

if TYPE_CHECKING:
    from tests.explorer.worker.conftest import MakeSpec, Shift

Hire = Callable[..., "Shift"]
StepsOf = Callable[[str], int]
DOWNLOAD = DownloadSpec(model="a/b")


def _row(job_id: str) -> JobRow:
    with transaction() as session:
        row = session.get(JobRow, job_id)
    assert row is not None
    return row


def _set(job_id: str, **columns: object) -> None:
    with transaction() as session:
        row = session.get(JobRow, job_id)
        for name, value in columns.items():
            setattr(row, name, value)


def test_of_twenty_that_claim_a_job_at_once_one_has_it() -> None:
    job_id = client.submit(DOWNLOAD)
    owners = [Owner(f"gpu-{k}") for k in range(20)]
    start, won = threading.Barrier(len(owners)), []

    def claim(owner: Owner) -> None:
        start.wait()
        if owner.claim(job_id):
            won.append(owner.id)

    threads = [threading.Thread(target=claim, args=(owner,)) for owner in owners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [_row(job_id).owner]
    assert (_row(job_id).state, _row(job_id).attempts) == ("running", 1)


@pytest.mark.parametrize("columns", [{"requested": "pause"}, {"state": "done"}, {"owner": "b/1"}])
def test_what_is_not_to_be_had_is_not_claimed(columns: dict[str, str]) -> None:
    job_id = client.submit(DOWNLOAD)
    _set(job_id, **columns)
    assert not Owner("a").claim(job_id)
    assert _row(job_id).attempts == 0


def test_a_successor_takes_back_what_its_predecessor_held_and_nothing_else() -> None:
    mine, others, nobodys = (client.submit(DOWNLOAD) for _ in range(3))
    assert Owner("cuda-1").claim(mine) and Owner("cuda-10").claim(others)
    Owner("cuda-1").succeed()
    assert (_row(mine).owner, _row(mine).state) == (None, "queued")
    assert (_row(others).state, _row(others).owner) != ("queued", None)
    assert _row(nobodys).sentence == "Waiting for its turn."


def test_a_lease_that_runs_out_frees_the_job_for_other_devices() -> None:
    job_id, other = client.submit(DOWNLOAD), Owner("b")
    assert Owner("a").claim(job_id)
    other.free_expired()
    assert not other.claim(job_id)
    _set(job_id, lease=time.time() - 1)
    other.free_expired()
    assert other.claim(job_id)


def test_a_lease_that_is_renewed_goes_on_and_one_that_is_lost_is_known() -> None:
    kept_job, lost = client.submit(DOWNLOAD), client.submit(DOWNLOAD)
    owner = Owner("a")
    assert owner.claim(kept_job) and owner.claim(lost)
    _set(lost, owner="b/1")
    _set(kept_job, lease=0.0)
    owner.renew([kept_job, lost])
    assert _row(kept_job).lease > time.time()
    owner.require(kept_job)
    with pytest.raises(LostError):
        owner.require(lost)


@pytest.mark.end_to_end
def test_two_workers_on_one_queue_do_no_job_twice(
    hire: Hire, quick: "MakeSpec", monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    plain = runners.run

    def run(job: hands.JobContext) -> object:
        begun.append(job.id)
        return plain(job)

    monkeypatch.setattr(runners, "run", run)
    shifts = [hire("gpu-0"), hire("gpu-1")]
    ids = [client.submit(quick(seed=seed)) for seed in range(6)]
    shifts[0].until(lambda: shifts[1].turns(1) and all(client.get(i).over for i in ids))
    assert sorted(begun) == sorted(ids)
    assert all(client.get(job_id).state == "done" for job_id in ids)
    assert all(len(solutions_of(job_id)) == 1 for job_id in ids)
    assert all(_row(job_id).attempts == 1 and _row(job_id).owner is None for job_id in ids)


@pytest.mark.end_to_end
def test_two_workers_on_one_device_take_turns_and_share_the_queue(
    hire: Hire, quick: "MakeSpec", long: "MakeSpec", steps_of: StepsOf
) -> None:
    first, second = hire("cpu"), hire("auto", beside=True)
    job_id = client.submit(long())
    first.until(lambda: steps_of(job_id) > 2)
    other = client.submit(quick())
    assert second.turns(3) == [False] * 3 and not second.worker.active
    first.until(lambda: client.get(other).over)
    client.ask(job_id, "pause")
    first.until(lambda: client.get(job_id).state == "paused")
    first.turns(1)
    (done,) = second.finish(client.submit(quick(seed=3)))
    assert done.state == "done"


def test_a_question_is_answered_by_one_worker(hire: Hire, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(kind: str, payload: dict[str, object], pool: object) -> dict[str, object]:
        asked.append(kind)
        second.turns(1)
        return {"said": kind}

    monkeypatch.setattr(requests, "answer", answer)
    first, second = hire("gpu-0"), hire("gpu-1")
    with transaction() as session:
        session.add(RequestRow(kind="decode", payload="{}", created=time.time()))
    first.turns(1)
    second.turns(1)
    assert asked == ["decode"]


def test_a_question_whose_asker_is_gone_is_not_answered(
    hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If answering it is what kills the workers, it kills no more of them."""
    monkeypatch.setattr(requests, "answer", lambda *_: pytest.fail("nobody waits for it"))
    with transaction() as session:
        old = time.time() - ownership.FORGOTTEN_SECONDS - 1
        session.add(RequestRow(kind="x", payload="{}", created=old))
        session.add(RequestRow(kind="x", payload="{}", created=old, answer="{}"))
    hire("cpu").turns(1)
    with transaction() as session:
        assert not session.query(RequestRow).count()


def test_a_question_whose_worker_died_is_asked_again(hire: Hire) -> None:
    with transaction() as session:
        session.add(RequestRow(kind="x", payload="{}", created=time.time(), owner="cpu/dead"))
        session.add(RequestRow(kind="x", payload="{}", created=time.time(), owner="gpu/alive"))
    hire("cpu").turns(1)
    with transaction() as session:
        rows = {row.owner: row.error for row in session.query(RequestRow)}
    assert rows["gpu/alive"] is None and list(rows.values()).count(None) == 1


def _contents(*folders: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for f in folders for p in sorted(f.rglob("*")) if p.is_file()}


def test_a_worker_that_was_suspended_lets_go_without_touching_a_file(
    hire: Hire, long: "MakeSpec", steps_of: StepsOf
) -> None:
    slept, awake = hire("gpu-0"), hire("gpu-1")
    job_id = client.submit(long())
    slept.until(lambda: steps_of(job_id) > 5)
    _set(job_id, lease=time.time() - 1)  # the laptop's lid was closed
    slept.worker.owner._until[job_id] = time.time() - 1
    awake.until(lambda: steps_of(job_id) > 10)
    assert _row(job_id).owner == awake.worker.owner.id
    before = _contents(client.folder_of(job_id)), _row(job_id).updated
    slept.turns(2)
    assert not slept.worker.active
    assert (_contents(client.folder_of(job_id)), _row(job_id).updated) == before
    awake.until(lambda: steps_of(job_id) > 15)


def test_a_lease_that_is_lost_in_the_middle_of_a_step_keeps_the_step_from_being_written(
    hire: Hire, long: "MakeSpec", steps_of: StepsOf
) -> None:
    slept = hire("gpu-0")
    job_id = client.submit(long())
    slept.until(lambda: steps_of(job_id) > 5)
    write, written = files.write_atomically, _contents(client.folder_of(job_id))

    def suspended(path: Path, data: bytes) -> Path:
        _set(job_id, owner="gpu-1/1")
        slept.worker.owner._until[job_id] = 0.0
        return write(path, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("explorer.base.tensor_files.write_atomically", suspended)
        patch.setattr("explorer.solutions.recording.write_atomically", suspended)
        slept.turns(1)
    assert not slept.worker.active
    assert _contents(client.folder_of(job_id)) == written
    assert _row(job_id).owner == "gpu-1/1" and _row(job_id).state == "running"


def test_outside_a_worker_nothing_guards_a_file(tmp_path: Path) -> None:
    def refuse() -> None:
        raise LostError("x")

    with pytest.raises(LostError), files.guarded(refuse):
        files.write_atomically(tmp_path / "a", b"1")
    assert list(tmp_path.iterdir()) == []
    assert files.write_atomically(tmp_path / "a", b"1").read_bytes() == b"1"


def test_a_busy_worker_leaves_a_new_job_to_one_that_has_nothing_to_do(
    hire: Hire, long: "MakeSpec", quick: "MakeSpec", steps_of: StepsOf
) -> None:
    busy, idle = hire("gpu-0"), hire("gpu-1")
    first = client.submit(long())
    busy.until(lambda: steps_of(first) > 2)
    with transaction() as session:
        session.merge(WorkerRow(device="gpu-1", pid=1, beat=time.time(), doing="idle", ready=True))
    second = client.submit(long(seed=5))
    busy.turns(1)
    assert _row(second).owner is None
    idle.turns(1)
    assert _row(second).owner == idle.worker.owner.id


def test_a_class_that_starts_at_once_is_shared_by_all_devices(hire: Hire, long: "MakeSpec") -> None:
    """Each takes its share at one look, and who has most leaves the next one to others."""
    places = ("gpu-0", "gpu-1", "gpu-2")
    workers = {place: hire(place) for place in places}
    now = time.time()
    with transaction() as session:
        for place in places:
            session.merge(WorkerRow(device=place, pid=1, beat=now, doing="idle", ready=True))
    ids = [client.submit(long(seed=k)) for k in range(7)]
    for shift in workers.values():
        shift.worker._poll()
    assert sorted(len(s.worker.active) for s in workers.values()) == [1, 3, 3]
    late = client.submit(long(seed=90))
    for place in ("gpu-0", "gpu-1", "gpu-2"):
        workers[place].worker._poll()
    assert str(_row(late).owner).startswith("gpu-2/")
    assert {str(_row(i).owner).partition("/")[0] for i in ids} == set(places)


def _die(job_id: str, *, kept: int = 0, fraction: float = 0.0, blamed: bool = True) -> str:
    """Let a worker die during a job whose state it has kept so often; return what it is then."""
    owner = Owner("cpu")
    assert owner.claim(job_id)
    _set(job_id, fraction=fraction)
    job = JobContext(job_id, DOWNLOAD, ModelPool(torch.device("cpu")), owner=owner)
    for _ in range(kept):
        job.note_kept()
    with transaction() as session:
        doing = job_id if blamed else "another"
        session.merge(WorkerRow(device="cpu", pid=1, beat=0.0, doing=doing, ready=True))
    Owner("cpu").succeed()
    return client.get(job_id).state


@pytest.mark.parametrize("kept", [0, 1])
def test_three_deaths_without_progress_end_a_job(kept: int) -> None:
    """Whatever its bar shows: what counts is kept, and more than the step before the deadly one."""
    job_id = client.submit(DOWNLOAD)
    states = [_die(job_id, kept=kept, fraction=f) for f in (0.1, 0.2, 0.3)]
    assert states == ["queued", "queued", "failed"]
    error = client.get(job_id).error
    assert error is not None and "died 3 times" in error and "smaller model" in error


def test_a_job_that_gets_on_between_deaths_goes_on() -> None:
    """Its bar may stand still: that of a set does for long."""
    job_id = client.submit(DOWNLOAD)
    assert {_die(job_id, kept=ownership.PROGRESS) for _ in range(9)} == {"queued"}
    assert [_die(job_id) for _ in range(2)] == ["queued", "failed"]


def test_progress_counts_though_another_job_was_at_work_when_the_worker_died() -> None:
    job_id = client.submit(DOWNLOAD)
    for _ in range(4):
        assert {_die(job_id) for _ in range(2)} == {"queued"}
        assert _die(job_id, kept=5, blamed=False) == "queued"


def test_a_death_is_held_against_the_job_that_computed() -> None:
    job_id = client.submit(DOWNLOAD)
    assert {_die(job_id, blamed=False) for _ in range(9)} == {"queued"}


def test_a_job_that_was_given_up_can_be_resumed_and_counts_afresh() -> None:
    job_id = client.submit(DOWNLOAD)
    for _ in range(ownership.MAX_DEATHS):
        _die(job_id)
    assert client.get(job_id).state == "failed"
    kept.resume(job_id)
    job = client.get(job_id)
    assert (job.state, job.error, job.finished) == ("queued", None, None)
    assert [_die(job_id) for _ in range(3)] == ["queued", "queued", "failed"]
    kept.resume("nobody")


def test_a_job_that_rests_goes_on_resting_when_its_worker_dies() -> None:
    job_id, owner = client.submit(DOWNLOAD), Owner("cpu")
    assert owner.claim(job_id)
    _set(job_id, state="paused", requested="pause", sentence="Step 3.")
    Owner("cpu").succeed()
    job = client.get(job_id)
    assert (job.state, job.sentence, _row(job_id).owner) == ("paused", "Step 3.", None)
    assert not Owner("cpu").claim(job_id)
    client.ask(job_id, "run")
    assert Owner("cpu").claim(job_id)


def test_a_job_of_before_there_were_owners_is_taken_up() -> None:
    job_id = client.submit(DOWNLOAD)
    _set(job_id, state="running", attempts=1)
    assert Owner("cpu").claim(job_id)
