"""Which devices this machine's workers compute on: one worker for each. Free of torch."""

import os
import subprocess
import sys
from contextlib import suppress
from functools import cache
from importlib import metadata
from itertools import takewhile

NAMED = "EXPLORER_DEVICES"
VISIBLE = "CUDA_VISIBLE_DEVICES"
ASK = """
import sys, torch
for name in sys.argv[1:]:
    try:
        torch.ones(1, device=name).add_(1).item()
    except (RuntimeError, AssertionError):
        continue
    print(name)
"""
"""Prints those of some devices on which torch computes."""


def devices() -> tuple[str, ...]:
    """Return the devices that the app starts a worker for.

    Those that `EXPLORER_DEVICES` names, with commas between; else all GPUs of NVIDIA, where there
    are several; else `auto`, the best there is. To ask torch would load it. `cpu#1,cpu#2` are two
    workers that compute on one device at the same time.
    """
    if named := [name.strip() for name in os.environ.get(NAMED, "").split(",") if name.strip()]:
        return tuple(dict.fromkeys(named))
    seen = _visible()
    if seen is None:
        count = _gpus()
    else:
        count = 1 if any(name.startswith("MIG") for name in seen) else len(seen)
    several = count > 1 and not metadata.version("torch").endswith("+cpu")
    if not several:
        return ("auto",)
    return _computing(tuple(f"cuda:{k}" for k in range(count))) or ("auto",)


def driver_name(number: str) -> str:
    """Return what the driver calls the GPU that torch calls `cuda:NUMBER` in this process."""
    index, *which = number.partition("#")  # of several workers on one
    seen = _visible() or []
    names = seen[int(index) : int(index) + 1] or [index]
    return "".join([*names, *which])


def _visible() -> list[str] | None:
    """Return the GPUs that this process is shown, from which torch counts on; None: all."""
    visible = os.environ.get(VISIBLE)
    if visible is None:
        return None
    shown = (name.strip() for name in visible.split(","))
    return list(takewhile(lambda name: name not in ("", "-1"), shown))


@cache
def _computing(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of some GPUs on which torch computes, asked in another process.

    A driver may be too old for torch, a GPU too old for its kernels, or a name of a GPU that is not
    there: a worker for it would end at once, and be started again and again.
    """
    with suppress(OSError, subprocess.TimeoutExpired):
        asked = subprocess.run(  # noqa: S603 (this Python)
            [sys.executable, "-c", ASK, *names], capture_output=True, text=True, timeout=120
        )
        if not asked.returncode:
            return tuple(name for name in names if name in asked.stdout.split())
    return names


@cache
def _gpus() -> int:
    """Return how many GPUs the driver lists; of those with instances (MIG), torch sees one."""
    with suppress(OSError, subprocess.TimeoutExpired):
        listed = subprocess.run(
            ["nvidia-smi", "-L"],  # noqa: S607 (where a driver has put it)
            capture_output=True,
            text=True,
            timeout=10,
        ).stdout
        return 1 if "MIG" in listed else sum(s.startswith("GPU ") for s in listed.splitlines())
    return 0
