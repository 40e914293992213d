"""The worker as a process of its own: it loads torch, so these take seconds each."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import psutil
import pytest
from filelock import Timeout
from safetensors import safe_open
from sqlalchemy import select

from explorer.base import folders
from explorer.base.database import JobRow, WorkerRow, transaction
from explorer.base.errors import ExplorerError
from explorer.jobs import client, kept
from explorer.solutions import store
from explorer.solutions.solution import load_solution

if TYPE_CHECKING:
    from tests.explorer.worker.conftest import MakeSpec

pytestmark = pytest.mark.end_to_end

StepsOf = Callable[[str], int]


def _wait_for(condition: Callable[[], bool], seconds: float = 150.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        log = folders.local() / "logs" / "worker.log"
        assert time.monotonic() < deadline, log.read_text() if log.exists() else "no log"
        time.sleep(0.05)


def _pid() -> int | None:
    """Return the process id in the newest sign of life."""
    with transaction() as session:
        row = session.get(WorkerRow, "cpu")
    return row.pid if row is not None else None


def _saved(job_id: str) -> int:
    """Return the step of a run's checkpoint, 0 without one."""
    path = client.folder_of(job_id) / "checkpoint.safetensors"
    if not path.exists():
        return 0
    with safe_open(path, framework="numpy") as file:
        return int(json.loads(file.metadata()["checkpoint"])["values"]["step"])


def _workers() -> list[psutil.Process]:
    """Return the workers of this test's cache that are alive, started here or by a child."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            command = process.cmdline()
            alive = process.status() != psutil.STATUS_ZOMBIE
            ours = process.environ().get("EXPLORER_CACHE") == str(folders.local())
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        if alive and ours and "explorer.worker.main" in command:
            found.append(process)
    return found


@pytest.fixture(autouse=True)
def no_worker_stays(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("EXPLORER_NO_WORKER", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    yield
    for process in _workers():
        process.kill()
        process.wait(10)


@pytest.mark.trial
def test_a_worker_that_is_killed_is_replaced_and_nothing_is_lost(
    quick: "MakeSpec", long: "MakeSpec"
) -> None:
    assert client.ensure_worker("cpu") is True
    assert client.ensure_worker("cpu") is False
    (first,) = _workers()
    done = client.submit(quick())
    _wait_for(lambda: client.get(done).over)
    finished = client.get(done)
    assert (finished.state, finished.error) == ("done", None)
    _wait_for(lambda: client.worker_status().ready)
    assert _pid() == first.pid

    job_id = client.submit(long())
    _wait_for(lambda: _saved(job_id) > 50)
    first.send_signal(signal.SIGKILL)
    first.wait(10)
    saved = _saved(job_id)
    assert client.get(job_id).state == "running"

    assert client.ensure_worker("cpu") is True
    (second,) = _workers()
    assert second.pid != first.pid
    _wait_for(lambda: bool(client.get(job_id).notices))
    client.ask(job_id, "stop")
    assert "went on from its last checkpoint" in client.get(job_id).notices[0]
    _wait_for(lambda: client.get(job_id).over)
    stopped = client.get(job_id)
    assert (stopped.state, stopped.error) == ("stopped", None)
    records = [
        load_solution(store.run_folder(job_id) / f"{name}.safetensors").record
        for name in stopped.result["solutions"]
    ]
    assert [record.reason for record in records] == ["stopped by hand"] * 2
    assert all(record.steps >= saved for record in records)

    assert client.get(done) == finished
    kept = {entry.id for entry in store.entries() if not entry.ships and entry.problem is None}
    assert kept == {*finished.result["solutions"], *stopped.result["solutions"]}


@pytest.mark.trial
def test_two_devices_have_a_worker_each_and_share_the_jobs(
    long: "MakeSpec", steps_of: StepsOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPLORER_DEVICES", "cpu#1,cpu#2")
    assert client.ensure_workers() is True
    assert client.ensure_workers() is False
    _wait_for(lambda: len(_workers()) == 2)

    def ready() -> int:
        with transaction() as session:
            return sum(row.ready for row in session.scalars(select(WorkerRow)))

    _wait_for(lambda: ready() == 2)
    ids = [client.submit(long(seed=k)) for k in range(4)]
    _wait_for(lambda: all(steps_of(job) > 2 for job in ids))
    with transaction() as session:
        owners = [str(row.owner).partition("/")[0] for row in session.scalars(select(JobRow))]
    assert sorted(owners) == ["cpu#1", "cpu#1", "cpu#2", "cpu#2"]


SECRET = "Xanthippe hides zymurgy notes"


def test_the_log_tells_of_a_job_without_its_text(quick: "MakeSpec") -> None:
    assert client.ensure_worker("cpu") is True
    asked = {"text": SECRET, "title": SECRET, "length": 4, "restarts": 2}
    done = client.submit(quick(**asked, seed=2))
    short = client.submit(quick(**{**asked, "length": 1_900}))  # longer than its text
    with pytest.raises(ExplorerError):
        client.request("decode", {"solution": SECRET}, patience=60)
    _wait_for(lambda: client.get(done).over and client.get(short).over)
    for process in _workers():
        process.terminate()
        process.wait(10)
    text = (folders.local() / "logs" / "worker.log").read_text()
    about = r"kind=reconstruct model=\S+ length=4 restarts=2"
    for requested in (
        r"INFO \d+ worker began device=cpu version=",
        rf"INFO \d+ job begun job={done} attempt=1 {about}",
        rf"INFO \d+ job done job={done} seconds=\d",
        rf"INFO \d+ job failed job={short} seconds=\S+ error=BadInputError",
        r"INFO \d+ request refused kind=decode seconds=",
    ):
        assert re.search(requested, text), (requested, text)
    every = [file for file in (folders.local() / "logs").iterdir() if file.is_file()]
    assert {"worker.log", "worker-output.log"} <= {file.name for file in every}
    for file in every:
        said = file.read_text()
        assert not [word for word in SECRET.split() if word in said], said


PAGE = """
import sys
from explorer.jobs import client, kept
assert client.ensure_worker("cpu") is True
print("started", flush=True)
sys.stdin.read()
"""


def test_a_worker_for_a_device_that_is_not_here_ends_with_a_line_in_the_log() -> None:
    command = [sys.executable, "-m", "explorer.worker.main", "--device", "cuda:77"]
    subprocess.run(command, cwd=folders.PROJECT, check=True, timeout=120)
    log = (folders.local() / "logs" / "worker.log").read_text()
    assert "no worker" in log and "cuda:77" in log and "Traceback" not in log


@pytest.mark.trial
def test_a_worker_ends_with_its_parent_and_lays_its_work_down(
    long: "MakeSpec", steps_of: StepsOf
) -> None:
    page = subprocess.Popen(
        [sys.executable, "-c", PAGE],
        cwd=folders.PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    job_id = client.submit(long())
    try:
        assert page.stdout is not None and page.stdout.readline() == "started\n"
        (worker,) = _workers()
        _wait_for(lambda: steps_of(job_id) > 5)
        with pytest.raises(Timeout):
            client.compute_lock("cpu").acquire(timeout=0)
    finally:
        page.kill()
        page.communicate()
    try:
        worker.wait(20)
    finally:
        if worker.is_running():
            worker.kill()
    job = client.get(job_id)
    assert (job.state, job.sentence) == ("queued", "Waiting for a worker.")
    assert (client.folder_of(job_id) / "checkpoint.safetensors").exists()
    with (
        client.worker_lock("cpu").acquire(timeout=0),
        client.compute_lock("cpu").acquire(timeout=0),
    ):
        assert client.get(job_id).requested == "run"


def test_a_worker_that_is_asked_to_end_lays_its_work_down_and_no_death_is_counted(
    long: "MakeSpec", steps_of: StepsOf
) -> None:
    """A service manager or a person says SIGTERM; three times, and the job would be given up."""
    job_id = client.submit(long())
    for life in range(4):
        assert client.ensure_worker("cpu") is True
        (worker,) = _workers()
        reached = steps_of(job_id)
        _wait_for(lambda reached=reached: steps_of(job_id) > reached + 5)
        worker.send_signal(signal.SIGINT if life == 3 else signal.SIGTERM)
        worker.wait(20)
        job = client.get(job_id)
        assert (job.state, job.sentence) == ("queued", "Waiting for a worker.")
        assert (client.folder_of(job_id) / "checkpoint.safetensors").exists()
    with transaction() as session:
        row = session.get(JobRow, job_id)
    assert row is not None and (row.deaths, row.attempts) == (0, 4)
    output = (folders.local() / "logs" / "worker-output.log").read_text()
    assert "Traceback" not in output


def test_a_second_worker_leaves_at_once_and_without_torch() -> None:
    with client.worker_lock("cpu").acquire(timeout=0):
        command = [sys.executable, "-X", "importtime", "-m", "explorer.worker.main"]
        done = subprocess.run(
            [*command, "--device", "cpu", "--parent", str(os.getpid())],
            cwd=folders.PROJECT,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 0
    log = (folders.local() / "logs" / "worker.log").read_text()
    assert "another worker has the device device=cpu" in log
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "sqlalchemy" in imported and "torch" not in imported
    assert _pid() is None


KILLER = """
import os, signal
from explorer.tasks.reconstruct import Reconstruction

plain = Reconstruction.steps

def steps(self):
    for step in plain(self):
        yield step
        if self.spec.title == "killer":
            os.kill(os.getpid(), signal.SIGKILL)

Reconstruction.steps = steps
from explorer.worker.main import main
main()
"""


@pytest.mark.trial
def test_a_job_that_kills_the_worker_after_its_first_step_is_given_up_and_the_others_end(
    quick: "MakeSpec", long: "MakeSpec"
) -> None:
    """Its checkpoint is one step further each time; that is not progress."""
    killer, other = client.submit(long(title="killer")), client.submit(quick())
    command = [sys.executable, "-c", KILLER, "--device", "cpu", "--parent", str(os.getpid())]
    deaths = 0
    while not (client.get(killer).over and client.get(other).over):
        assert deaths <= 3, client.get(killer)
        worker = subprocess.Popen(command, cwd=folders.PROJECT)
        try:
            _wait_for(
                lambda worker=worker: (
                    worker.poll() is not None
                    or (client.get(killer).over and client.get(other).over)
                )
            )
            deaths += worker.poll() == -signal.SIGKILL
        finally:
            worker.kill()
            worker.wait()
    assert deaths == 3
    given_up, done = client.get(killer), client.get(other)
    assert given_up.state == "failed" and "The worker died 3 times" in (given_up.error or "")
    assert (done.state, done.error) == ("done", None)
    assert kept.can_resume(given_up)
