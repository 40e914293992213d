"""How much memory and how many cores this process may use: its container's, not the machine's.

A container sees the whole machine in `/proc/meminfo`; what it may take stands in its control group
(cgroups v1 and v2, `man 7 cgroups`). A group is bound by its own limits and by those of every
group above it. Free of torch.
"""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import psutil

ROOT = Path("/")
"""Where `/proc` and the control groups are looked for."""
NO_LIMIT = 2**60
"""Bytes from which a limit is none: cgroups v1 write the largest multiple of a page."""


@dataclass(frozen=True)
class _Names:
    """How the files of one version are called."""

    limits: tuple[str, ...]
    usage: str
    reclaimable: tuple[str, ...]


_V1 = _Names(
    ("memory.limit_in_bytes",),
    "memory.usage_in_bytes",
    ("total_inactive_file", "total_active_file"),
)
_V2 = _Names(
    ("memory.max", "memory.high"),  # beyond `high` it is slowed down until nothing moves
    "memory.current",
    ("inactive_file", "active_file", "slab_reclaimable"),
)


def memory_free(root: Path | None = None) -> int:
    """Return the bytes that this process can still take, 0 or more.

    The least of what is free on the machine and in each control group above the process. Pages of
    files count as free, as they do on the machine: the system drops them when memory is wanted.
    """
    found = [psutil.virtual_memory().available]
    for folder, names in _groups("memory", root or ROOT):
        used = _number(folder / names.usage)
        if (limit := _limit(folder, names)) is not None and used is not None:
            found.append(limit - max(0, used - _reclaimable(folder, names)))
    return max(0, min(found))


def memory_limit(root: Path | None = None) -> int | None:
    """Return the bytes that the process and those beside it may take at most; None: no limit.

    A limit above what the machine has is none.
    """
    limits = [_limit(folder, names) for folder, names in _groups("memory", root or ROOT)]
    known = [limit for limit in limits if limit is not None]
    least = min(known, default=NO_LIMIT)
    return least if least < psutil.virtual_memory().total else None


def cores(root: Path | None = None) -> int:
    """Return how many threads can compute at once, at least 1.

    The cores that the process may run on (its affinity, which follows a cpuset), and no more than
    its control groups pay for; a part of a core counts as one.
    """
    shares = [_share(folder) for folder, _ in _groups("cpu", root or ROOT)]
    paid = [math.ceil(share) for share in shares if share is not None]
    return max(1, min([affinity(), *paid]))


def affinity() -> int:
    """Return on how many cores the process may run, whatever its groups pay for."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _groups(controller: str, root: Path) -> Iterator[tuple[Path, _Names]]:
    """Yield the folders of the process's control groups with this controller, innermost first.

    A process can be in a group of either version; both are looked at.
    """
    for line in _lines(root / "proc/self/cgroup"):
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        names = _V2 if number == "0" and not controllers else _V1
        if names is _V1 and controller not in controllers.split(","):
            continue
        for mounted, at in _mounts(controller, names is _V2, root):
            top = root / at.lstrip("/")
            folder = top / _below(path, mounted)
            while True:
                yield folder, names
                if folder == top:
                    break
                folder = folder.parent


def _mounts(controller: str, unified: bool, root: Path) -> Iterator[tuple[str, str]]:
    """Yield which group is mounted where: lines of `mountinfo` (`man 5 proc`)."""
    for line in _lines(root / "proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        fields, (kind, *options) = before.split(), after.split() or [""]
        has_it = unified or controller in "".join(options[-1:]).split(",")
        if kind == ("cgroup2" if unified else "cgroup") and has_it and len(fields) > 4:
            yield fields[3], fields[4]


def _below(path: str, mounted: str) -> str:
    """Return a group's path below its mount; a group outside of it, as in a namespace, is the top.

    A container's mount shows its own group as the root while the process names it from the host.
    """
    group = PurePosixPath(path)
    if ".." in group.parts or not group.is_relative_to(mounted):
        return ""
    return str(group.relative_to(mounted))


def _limit(folder: Path, names: _Names) -> int | None:
    found = [_number(folder / name) for name in names.limits]
    return min((n for n in found if n is not None and n < NO_LIMIT), default=None)


def _reclaimable(folder: Path, names: _Names) -> int:
    stat = dict(line.partition(" ")[::2] for line in _lines(folder / "memory.stat"))
    return sum(int(stat[name]) for name in names.reclaimable if stat.get(name, "").isdigit())


def _share(folder: Path) -> float | None:
    """Return how many cores a group pays for; None: as many as there are."""
    lines = _lines(folder / "cpu.max")
    if lines:  # v2: "150000 100000", or "max 100000"
        quota, _, period = lines[0].partition(" ")
    else:
        pair = [_lines(folder / f"cpu.cfs_{name}_us")[:1] for name in ("quota", "period")]
        quota, period = ("".join(lines) for lines in pair)
    if not quota.isdigit() or not period.isdigit() or not int(period):
        return None  # "max" and -1 among them
    return int(quota) / int(period) or None


def _number(file: Path) -> int | None:
    """Return the whole number in a file; None for `max` or a file that is not there."""
    text = "".join(_lines(file)[:1])
    return int(text) if text.isdigit() else None


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
