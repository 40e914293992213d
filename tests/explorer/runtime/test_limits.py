"""What a container may use, read from trees as cgroups v1 and v2 lay them out."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from explorer.assets import catalog, memory
from explorer.base import folders
from explorer.base.errors import ModelError
from explorer.model.frozen import FrozenModel
from explorer.runtime import limits
from explorer.training.memory import rows_that_fit

MACHINE = 64 * 10**9
V2_MOUNT = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw"
V1_MOUNTS = (
    "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "36 31 0:33 / /sys/fs/cgroup/cpu,cpuacct rw shared:5 - cgroup cgroup rw,cpu,cpuacct"
)


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """64 GB, of which 60 are free, and sixteen cores."""
    memory = SimpleNamespace(available=60 * 10**9, total=MACHINE)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)), raising=False)


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")
    return root


def v2(root: Path, path: str, files: dict[str, str], mount: str = V2_MOUNT) -> Path:
    proc = {"proc/self/cgroup": f"0::{path}", "proc/self/mountinfo": mount}
    return write(root, proc | {f"sys/fs/cgroup/{name}": text for name, text in files.items()})


def v1(root: Path, path: str, files: dict[str, str], mounts: str = V1_MOUNTS) -> Path:
    group = f"9:name=systemd:/\n4:memory:{path}\n3:cpu,cpuacct:{path}\n0::/"
    proc = {"proc/self/cgroup": group, "proc/self/mountinfo": mounts}
    return write(root, proc | {f"sys/fs/cgroup/{name}": text for name, text in files.items()})


def test_without_groups_the_machine_counts(tmp_path: Path) -> None:
    assert limits.memory_free(tmp_path) == 60 * 10**9
    assert limits.memory_limit(tmp_path) is None
    assert limits.cores(tmp_path) == 16


def test_a_v2_group_counts_with_what_the_system_can_drop(tmp_path: Path) -> None:
    stat = "anon 500000000\nfile 300000000\ninactive_file 200000000\nactive_file 100000000"
    files = {
        "memory.max": "1300000000",
        "memory.high": "max",
        "memory.current": "800000000",
        "memory.stat": stat,
        "cpu.max": "150000 100000",
    }
    root = v2(tmp_path, "/", files)
    assert limits.memory_free(root) == 1_300_000_000 - 500_000_000
    assert limits.memory_limit(root) == 1_300_000_000
    assert limits.cores(root) == 2, "a part of a core counts as one"


def test_a_v2_group_without_limits_leaves_the_machine(tmp_path: Path) -> None:
    files = {"memory.max": "max", "memory.current": "5", "cpu.max": "max 100000"}
    root = v2(tmp_path, "/a/b", {f"a/b/{name}": text for name, text in files.items()})
    assert limits.memory_free(root) == 60 * 10**9
    assert limits.memory_limit(root) is None
    assert limits.cores(root) == 16


def test_the_tightest_of_nested_groups_counts(tmp_path: Path) -> None:
    files = {
        "pod/box/memory.max": "8000000000",
        "pod/box/memory.current": "1000000000",
        "pod/memory.max": "4000000000",
        "pod/memory.current": "3000000000",
        "pod/memory.stat": "inactive_file 0",
        "memory.max": "max",
        "pod/box/cpu.max": "max 100000",
        "pod/cpu.max": "400000 100000",
    }
    root = v2(tmp_path, "/pod/box", files)
    assert limits.memory_free(root) == 10**9
    assert limits.memory_limit(root) == 4 * 10**9
    assert limits.cores(root) == 4


def test_the_mark_from_which_a_group_is_slowed_down_is_its_limit(tmp_path: Path) -> None:
    files = {"memory.max": "max", "memory.high": "2000000000", "memory.current": "500000000"}
    assert limits.memory_free(v2(tmp_path, "/", files)) == 1_500_000_000


def test_a_v1_group_counts(tmp_path: Path) -> None:
    files = {
        "memory/docker/x/memory.limit_in_bytes": "1300000000",
        "memory/docker/x/memory.usage_in_bytes": "700000000",
        "memory/docker/x/memory.stat": "inactive_file 7\ntotal_inactive_file 300000000",
        "memory/memory.limit_in_bytes": "9223372036854771712",
        "memory/memory.usage_in_bytes": "700000000",
        "cpu,cpuacct/docker/x/cpu.cfs_quota_us": "300000",
        "cpu,cpuacct/docker/x/cpu.cfs_period_us": "100000",
        "cpu,cpuacct/cpu.cfs_quota_us": "-1",
        "cpu,cpuacct/cpu.cfs_period_us": "100000",
    }
    root = v1(tmp_path, "/docker/x", files)
    assert limits.memory_free(root) == 900_000_000
    assert limits.memory_limit(root) == 1_300_000_000
    assert limits.cores(root) == 3


@pytest.mark.parametrize("path", ["/docker/x", "/", "/../elsewhere"])
def test_a_container_sees_its_own_group_as_the_top(tmp_path: Path, path: str) -> None:
    mounts = "35 31 0:32 /docker/x /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory"
    files = {
        "memory/memory.limit_in_bytes": "1000000000",
        "memory/memory.usage_in_bytes": "250000000",
    }
    assert limits.memory_free(v1(tmp_path, path, files, mounts)) == 750_000_000


def test_a_full_group_has_nothing_left(tmp_path: Path) -> None:
    files = {"memory.max": "1000", "memory.current": "1200", "cpu.max": "1000 100000"}
    root = v2(tmp_path, "/", files)
    assert limits.memory_free(root) == 0
    assert limits.cores(root) == 1


@pytest.mark.parametrize("text", ["", "nonsense", "0 0", "max"])
def test_what_cannot_be_read_is_no_limit(tmp_path: Path, text: str) -> None:
    files = {"memory.max": text, "memory.current": text, "cpu.max": text, "memory.stat": text}
    root = v2(tmp_path, "/", files, mount=f"{V2_MOUNT}\n\nshort - line\n{text}")
    assert limits.cores(root) == 16
    assert limits.memory_free(root) == 60 * 10**9


def test_models_and_batches_are_held_to_the_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, llama: FrozenModel
) -> None:
    free = rows_that_fit(llama, 2000)
    files = {"memory.max": "1300000000", "memory.current": "1200000000"}
    monkeypatch.setattr(limits, "ROOT", v2(tmp_path, "/", files))
    assert rows_that_fit(llama, 2000) < free / 100
    with pytest.raises(ModelError) as raised:
        memory.require_fits(catalog.find("smollm2-135m"), bytes_per_parameter=2)
    assert str(raised.value).endswith(
        "besides what is loaded, and 100 MB of the 1.3 GB that this container may use are free. "
        "Choose a smaller model or close other programs."
    )


LIMIT = 600_000_000
INSIDE = "from explorer.runtime import limits; print(limits.memory_limit(), limits.memory_free())"


@pytest.fixture
def real_group() -> Iterator[Path]:
    """A control group of this machine with a limit, of its own version 1 or 2."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        number, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            group = Path("/sys/fs/cgroup/memory") / path.lstrip("/") / f"explorer-{os.getpid()}"
            name = "memory.limit_in_bytes"
        elif number == "0" and "memory" in _controllers(path):
            group = Path("/sys/fs/cgroup") / path.lstrip("/") / f"explorer-{os.getpid()}"
            name = "memory.max"
        else:
            continue
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / name).write_text(str(LIMIT))
            yield group
            return
        except OSError:
            continue
        finally:
            group.rmdir()
    pytest.skip("this process may not make control groups")


def _controllers(path: str) -> list[str]:
    file = Path("/sys/fs/cgroup") / path.lstrip("/") / "cgroup.subtree_control"
    return file.read_text().split() if file.is_file() else []


@pytest.mark.end_to_end
@pytest.mark.skipif(sys.platform != "linux", reason="control groups are Linux's")
def test_a_real_group_is_seen_from_inside(real_group: Path) -> None:
    def enter() -> None:
        (real_group / "cgroup.procs").write_text(str(os.getpid()))

    done = subprocess.run(
        [sys.executable, "-c", INSIDE],
        cwd=folders.PROJECT,
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=enter,
    )
    limit, free = map(int, done.stdout.split())
    assert abs(limit - LIMIT) < 10_000, "in whole pages"
    assert LIMIT / 2 < free < limit
