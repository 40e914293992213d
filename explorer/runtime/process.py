"""How a process uses threads and memory: one place, before torch is loaded. Free of torch.

Every entry calls it first: the worker, the command line, benchmarks, tools, and what they start.
What a person has set in the environment is left as it is.
"""

import ctypes
import functools
import gc
import io
import os
import sys

from explorer.runtime import limits

SPIN = "1000"
"""How often a thread of OpenMP looks for work before it sleeps.

Threads that spin while they wait starve each other where somebody shares the cores: beside two
busy processes a step of .3 s takes .6 with this bound and 3 with one of 30,000
(benchmarks/README.md); libgomp's own is 300,000 or more.
"""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of mallopt's settings in <malloc.h>
_NEVER, _HUGE = 2**31 - 1, 2**30


def environment() -> dict[str, str]:
    """Return the variables that this project sets and the person has not."""
    wanted = {"TOKENIZERS_PARALLELISM": "false"}  # texts are short; its threads survive no fork
    if "OMP_WAIT_POLICY" not in os.environ:  # who chose a policy chose how long to spin
        wanted["GOMP_SPINCOUNT"] = SPIN
    cores = limits.cores()
    if cores < limits.affinity():  # OpenMP sees the affinity, and nothing of a group's quota
        wanted["OMP_NUM_THREADS"] = str(cores)
    return {name: value for name, value in wanted.items() if name not in os.environ}


def set_environment() -> None:
    """Set those variables here; libgomp reads its own once, when torch brings it in."""
    os.environ.update(environment())


def escape_what_terminals_lack() -> None:
    """Let characters that a terminal cannot show be printed as escapes, and not be an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@functools.cache
def _glibc() -> ctypes.CDLL | None:
    """Return glibc, or None where the C library is another one."""
    try:
        library = ctypes.CDLL(None)
        _ = library.mallopt, library.malloc_trim
    except (OSError, AttributeError, TypeError):
        return None
    return library


def keep_memory() -> bool:
    """Let this process keep what it frees; returns whether that is possible here.

    glibc returns large blocks to the system as soon as they are free, and every training step would
    fault the same pages in again (30,000 faults a step at 16 rows × 64 tokens of the embedded
    model). After a job `give_memory_back` returns them.
    """
    library = _glibc()
    if library is None:
        return False
    return bool(
        library.mallopt(_MMAP_THRESHOLD, _HUGE) and library.mallopt(_TRIM_THRESHOLD, _NEVER)
    )


def give_memory_back() -> None:
    """Return what is free to the system, and of a GPU to other processes."""
    gc.collect()
    if (torch := sys.modules.get("torch")) is not None:
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()
        if torch.backends.mps.is_available():
            torch.mps.empty_cache()
    if (library := _glibc()) is not None:
        library.malloc_trim(0)


def prepare() -> None:
    """Make this process one that computes: bounded spinning, memory kept between steps.

    What it prints reaches every terminal: characters that one lacks are written as escapes.

    The allocator is told by a call (`keep_memory`) and not by malloc's own variables: glibc reads
    those before the first line of Python, so a command would have to start itself again.
    """
    set_environment()
    escape_what_terminals_lack()
    if not any(name.startswith("MALLOC_") for name in os.environ) and (
        "glibc.malloc" not in os.environ.get("GLIBC_TUNABLES", "")
    ):
        keep_memory()


def leave_the_cores() -> None:
    """Let the libraries of this process compute on one thread each, for the worker has the rest.

    Done by calls, since the web process has loaded them before it runs a line of this project, and
    since variables would reach the worker that it starts.
    """
    import pyarrow
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    pyarrow.set_cpu_count(1)
