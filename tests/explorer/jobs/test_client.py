import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import Timeout
from sqlalchemy import select

from explorer.base import folders
from explorer.base.database import JobRow, RequestRow, WorkerRow, transaction
from explorer.base.errors import BadInputError, ExplorerError, StorageError
from explorer.jobs import client
from explorer.runtime import limits
from explorer.specs.jobs import DownloadSpec

if TYPE_CHECKING:
    from tests.explorer.worker.conftest import MakeSpec

DOWNLOAD = DownloadSpec(model="a/b")


def _set(job_id: str, **columns: object) -> None:
    with transaction() as session:
        row = session.get(JobRow, job_id)
        for name, value in columns.items():
            setattr(row, name, value)


def test_a_job_is_found_by_its_id(quick: "MakeSpec") -> None:
    before = time.time()
    spec = quick(text="naïve 👩‍🚀 <script>alert(1)</script>")
    job = client.get(client.submit(spec))
    assert job.spec == spec
    assert (job.state, job.requested, job.over) == ("queued", "run", False)
    assert (job.sentence, job.fraction, job.error) == ("Waiting for its turn.", 0.0, None)
    assert (job.notices, job.result, job.finished) == ([], {}, None)
    assert before <= job.created <= time.time()
    assert client.folder_of(job.id) == folders.local() / "jobs" / job.id


def test_pressing_start_twice_gives_two_jobs() -> None:
    assert client.submit(DOWNLOAD) != client.submit(DOWNLOAD)
    assert len(client.jobs()) == 2


def test_a_job_that_does_not_exist_is_said() -> None:
    with pytest.raises(BadInputError, match="There is no job “<b>nope</b>” on this machine"):
        client.get("<b>nope</b>")
    with pytest.raises(BadInputError) as raised:
        client.get("x" * 10_000)
    assert len(str(raised.value)) < 120


def test_jobs_come_newest_first_and_those_that_are_over_can_be_left_out() -> None:
    states = ("queued", "running", "paused", "done", "failed", "stopped")
    ids = [client.submit(DOWNLOAD) for _ in states]
    for i, (job_id, state) in enumerate(zip(ids, states, strict=True)):
        _set(job_id, state=state, created=float(i))
    assert [job.id for job in client.jobs()] == ids[::-1]
    assert [job.id for job in client.jobs(open_only=True)] == ids[2::-1]
    assert [job.over for job in client.jobs()] == [True] * 3 + [False] * 3


@pytest.mark.parametrize("requested", ["run", "pause", "stop"])
def test_what_is_wanted_is_noted_unless_it_is_over(requested: str) -> None:
    job_id = client.submit(DOWNLOAD)
    _set(job_id, state="running", attempts=1, owner="cpu/1")
    client.ask(job_id, requested)
    assert (client.get(job_id).requested, client.get(job_id).state) == (requested, "running")
    for state in client.OVER:
        _set(job_id, state=state, requested="run")
        before = client.get(job_id)
        client.ask(job_id, requested)
        assert client.get(job_id) == before


def test_what_nobody_has_begun_rests_and_goes_on_without_a_worker() -> None:
    job_id = client.submit(DOWNLOAD)
    for attempts in (0, 1):
        _set(job_id, attempts=attempts)
        for requested, state in (("pause", "paused"), ("run", "queued")):
            client.ask(job_id, requested)
            assert (client.get(job_id).requested, client.get(job_id).state) == (requested, state)


def test_asking_something_of_no_job_does_nothing() -> None:
    client.ask("nobody", "stop")
    assert client.jobs() == []


def _sign_of_life(age: float, *, device: str = "cpu", ready: bool = True) -> None:
    with transaction() as session:
        session.merge(
            WorkerRow(device=device, pid=1, beat=time.time() - age, doing=device, ready=ready)
        )


def test_a_worker_is_alive_while_its_heart_beats() -> None:
    assert client.worker_status() == client.WorkerStatus(False, "", 0)
    _sign_of_life(0.0, ready=False)
    assert client.worker_status() == client.WorkerStatus(False, "cpu", 0)
    _sign_of_life(client.STALE_SECONDS - 5)
    assert client.worker_status() == client.WorkerStatus(True, "cpu", 0)
    _sign_of_life(client.STALE_SECONDS + 1)
    assert client.worker_status() == client.WorkerStatus(False, "", 0)


def test_of_two_workers_the_newest_counts() -> None:
    _sign_of_life(3.0, device="old", ready=True)
    _sign_of_life(1.0, device="new", ready=False)
    assert client.worker_status() == client.WorkerStatus(False, "new", 0)


def test_what_runs_and_what_waits_is_ahead() -> None:
    for state in ("queued", "running", "paused", "done", "failed", "stopped"):
        _set(client.submit(DOWNLOAD), state=state)
    assert client.worker_status().ahead == 2


def _answer(answer: str | None, error: str | None) -> Callable[[], None]:
    """Return a stand-in for the worker that answers the first question it finds."""

    def body() -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with transaction() as session:
                row = session.scalars(select(RequestRow)).first()
                if row is not None:
                    row.answer, row.error = answer, error
                    return
            time.sleep(0.01)

    return body


def _requests() -> int:
    with transaction() as session:
        return len(list(session.scalars(select(RequestRow))))


def test_an_answer_is_returned_and_nothing_is_left_behind() -> None:
    worker = threading.Thread(target=_answer('{"text": "naïve"}', None))
    worker.start()
    assert client.request("decode", {"solution": "a"}) == {"text": "naïve"}
    worker.join()
    assert _requests() == 0


def test_an_answer_that_is_a_problem_is_raised() -> None:
    worker = threading.Thread(target=_answer(None, "That is impossible."))
    worker.start()
    with pytest.raises(ExplorerError, match=r"^That is impossible\.$"):
        client.request("decode", {})
    worker.join()


def test_without_a_worker_the_question_is_taken_back() -> None:
    start = time.monotonic()
    with pytest.raises(ExplorerError, match="did not answer"):
        client.request("decode", {}, patience=0.1)
    assert time.monotonic() - start < 5
    assert _requests() == 0


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand in for the worker's process: note the device and take the lock, as it would."""
    started: list[str] = []
    locks = []

    def spawn(device: str) -> None:
        started.append(device)
        locks.append(client.worker_lock(device))
        locks[-1].acquire(timeout=3)  # others may be looking at it

    monkeypatch.delenv("EXPLORER_NO_WORKER", raising=False)
    monkeypatch.setattr(client, "_spawn", spawn)
    return started


def test_a_worker_is_started_once(spawned: list[str]) -> None:
    assert client.ensure_worker("cpu") is True
    assert client.ensure_worker("cpu") is False
    assert spawned == ["cpu"]


def test_every_device_has_its_own_worker(spawned: list[str]) -> None:
    assert client.ensure_worker("cpu") is True
    assert client.ensure_worker("cuda:1") is True
    assert spawned == ["cpu", "cuda:1"]
    assert client.worker_lock("cuda:1").lock_file.endswith("worker-cuda-1.lock")


@pytest.mark.parametrize(
    ("visible", "device", "locked"),
    [
        (None, "cuda:1", "cuda-1"),
        ("2,5", "cuda:1", "cuda-5"),
        ("5", "cuda:0", "cuda-5"),
        ("MIG-1/0", "cuda", "cuda-MIG-1-0"),
        ("5", "cpu", "cpu"),
        ("5", "cpu#2", "cpu#2"),
        ("5", "cuda:0#2", "cuda-5#2"),
    ],
)
def test_who_computes_holds_the_gpu_that_the_driver_means(
    visible: str | None, device: str, locked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes that are shown different GPUs all call their first one cuda:0."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert client.compute_lock(device).lock_file.endswith(f"compute-{locked}.lock")


def test_thirty_pages_at_once_start_one_worker(spawned: list[str]) -> None:
    start = threading.Barrier(30)
    results: list[bool] = []

    def page() -> None:
        start.wait()
        results.append(client.ensure_worker("cpu"))

    pages = [threading.Thread(target=page) for _ in range(30)]
    for thread in pages:
        thread.start()
    for thread in pages:
        thread.join()
    assert spawned == ["cpu"] and sorted(results) == [False] * 29 + [True]


def test_no_worker_is_started_where_none_is_wanted(
    spawned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPLORER_NO_WORKER", "1")
    assert client.ensure_worker("cpu") is False
    assert spawned == []


@pytest.mark.parametrize("lock", [client.worker_lock, client.compute_lock])
def test_a_lock_is_held_by_one_and_is_of_one_device(lock: Callable[[str], client.FileLock]) -> None:
    with lock("cpu").acquire(timeout=0):
        with pytest.raises(Timeout):
            lock("cpu").acquire(timeout=0)
        with lock("cuda").acquire(timeout=0) as other:
            assert other.is_locked
    assert client.worker_lock("cpu").lock_file != client.compute_lock("cpu").lock_file


@pytest.mark.parametrize("lock", [client.worker_lock, client.compute_lock])
def test_names_of_one_device_are_one_lock(lock: Callable[[str], client.FileLock]) -> None:
    for one, same in (("cpu", "cpu:1"), ("cuda", "cuda:0"), ("mps", "mps:0")):
        with lock(one).acquire(timeout=0), pytest.raises(Timeout):
            lock(same).acquire(timeout=0)
    assert lock("cuda:0").lock_file != lock("cuda:1").lock_file


@pytest.mark.parametrize("lock", [client.worker_lock, client.compute_lock])
def test_a_lock_that_is_a_folder_is_said(lock: Callable[[str], client.FileLock]) -> None:
    Path(lock("cpu").lock_file).mkdir(parents=True)
    with pytest.raises(StorageError, match=r"The lock .*\.lock cannot be used .*EXPLORER_CACHE"):
        lock("cpu").acquire(timeout=0)


def test_a_worker_whose_lock_is_a_folder_is_said(spawned: list[str]) -> None:
    Path(client.worker_lock("cpu").lock_file).mkdir(parents=True)
    with pytest.raises(StorageError, match="cannot be used"):
        client.ensure_worker("cpu")
    assert spawned == []


def test_a_cache_that_cannot_be_written_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EXPLORER_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.delenv("EXPLORER_NO_WORKER", raising=False)
    for call in (
        lambda: client.ensure_worker("cpu"),
        lambda: client.submit(DOWNLOAD),
        client.jobs,
        lambda: client.request("decode", {}),
        client.worker_status,
    ):
        with pytest.raises(StorageError, match="EXPLORER_CACHE"):
            call()


def test_a_worker_that_could_not_even_load_is_not_started(
    spawned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "memory_free", lambda: 120_000_000)
    monkeypatch.setattr(limits, "memory_limit", lambda: 500_000_000)
    with pytest.raises(ExplorerError) as raised:
        client.ensure_worker("cpu")
    assert "120 MB of the 500 MB that this container may use are free" in str(raised.value)
    assert not spawned
    monkeypatch.setattr(limits, "memory_free", lambda: 10**9)
    assert client.ensure_worker("cpu") is True
