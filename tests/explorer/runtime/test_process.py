"""Threads and memory are set in every process before torch is loaded; a person's own settings win.

libgomp reads its variables once, when torch brings it in, and says what it read if asked.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from explorer.base import folders
from explorer.runtime import limits, process

ENTRIES = {
    "command line": "sys.argv = ['explorer', '--version']; run('explorer')",
    "worker": """
import explorer.worker, types
class Worker:
    def __init__(self, *given): pass
    def run(self): openmp()
sys.modules['explorer.worker.loop'] = types.SimpleNamespace(Worker=Worker)
sys.argv = ['worker', '--device', 'cpu']
run('explorer.worker.main')
""",
    "beside the worker": """
from explorer.worker.side_process import SideProcess
if __name__ == '__main__':
    side_process = SideProcess()
    side_process.submit(openmp).result()
    side_process.close()
    sys.exit()  # what this process itself loads is not asked
""",
    "benchmarks": "import benchmarks.paper_steps",
    "tools": "import tools.record_warm_starts",
}
SCRIPT = """
import ctypes, importlib.util, pathlib, runpy, sys
def openmp():
    for library in pathlib.Path(importlib.util.find_spec('torch').origin).parent.glob('lib/*gomp*'):
        ctypes.CDLL(str(library))
def run(name):
    try: runpy.run_module(name, run_name='__main__')
    except SystemExit: pass
{entry}
if __name__ == '__main__':
    openmp()
"""
"""Loads what torch brings in, and not torch: unless that came first, which is what must not be."""


def said(entry: str, tmp_path: Path, **own: str) -> str:
    """Return what libgomp says it read in a process that begins like this."""
    script = tmp_path / "entry.py"
    script.write_text(SCRIPT.format(entry=ENTRIES[entry]))
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_"))}
    added = {"OMP_DISPLAY_ENV": "verbose", "PYTHONPATH": str(folders.PROJECT), **own}
    cache = {"EXPLORER_CACHE": str(folders.local())}
    done = subprocess.run(
        [sys.executable, script],
        cwd=folders.PROJECT,
        env=clean | added | cache,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout + done.stderr


def spins(text: str) -> list[str]:
    return re.findall(r"GOMP_SPINCOUNT = '(\d+)'", text)


@pytest.mark.end_to_end
@pytest.mark.parametrize("entry", list(ENTRIES))
def test_every_entry_bounds_the_spinning(entry: str, tmp_path: Path) -> None:
    found = spins(said(entry, tmp_path))
    if not found:
        pytest.skip("this torch has another OpenMP")
    assert set(found) == {process.SPIN}


@pytest.mark.end_to_end
def test_a_persons_own_settings_win(tmp_path: Path) -> None:
    found = spins(said("command line", tmp_path, GOMP_SPINCOUNT="77"))
    assert set(found) <= {"77"}


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment in which nothing of this is set."""
    for name in list(os.environ):
        if name.startswith(("OMP_", "GOMP_", "TOKENIZERS_", "MALLOC_", "GLIBC_")):
            monkeypatch.delenv(name)
    return monkeypatch


def test_only_what_is_not_set_is_added(free: pytest.MonkeyPatch) -> None:
    assert process.environment() == {"GOMP_SPINCOUNT": "1000", "TOKENIZERS_PARALLELISM": "false"}
    free.setenv("OMP_WAIT_POLICY", "ACTIVE")
    free.setenv("TOKENIZERS_PARALLELISM", "true")
    assert process.environment() == {}


def test_threads_follow_the_containers_quota(free: pytest.MonkeyPatch) -> None:
    free.setattr(limits, "affinity", lambda: 16)
    free.setattr(limits, "cores", lambda: 3)
    assert process.environment()["OMP_NUM_THREADS"] == "3"
    free.setenv("OMP_NUM_THREADS", "5")
    assert "OMP_NUM_THREADS" not in process.environment()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PATH", os.environ["PATH"], True),
        ("MALLOC_TRIM_THRESHOLD_", "65536", False),
        ("GLIBC_TUNABLES", "glibc.malloc.trim_threshold=65536", False),
        ("GLIBC_TUNABLES", "glibc.pthread.rseq=0", True),
    ],
)
def test_the_allocator_is_told_unless_a_person_was_there_first(
    free: pytest.MonkeyPatch, name: str, value: str, told: bool
) -> None:
    calls: list[bool] = []
    free.setattr(process, "keep_memory", lambda: calls.append(True))
    free.setattr(process, "set_environment", lambda: None)
    free.setenv(name, value)
    process.prepare()
    assert calls == [True] * told


@pytest.mark.end_to_end
def test_the_web_process_computes_on_one_thread_and_its_worker_on_all() -> None:
    script = """
import os, pandas, pyarrow
from explorer.runtime import process
process.leave_the_cores()
from threadpoolctl import threadpool_info
print({pool["num_threads"] for pool in threadpool_info()}, pyarrow.cpu_count())
assert "OMP_NUM_THREADS" not in os.environ
"""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("OMP_")}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folders.PROJECT,
        env=clean,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["{1}", "1"]
