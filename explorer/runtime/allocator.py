"""The C library's allocator: keep memory between steps, give it back after a job.

glibc returns large blocks to the system as soon as they are free, and every training step would
fault the same pages in again (30,000 faults a step at 16 rows × 64 tokens of the embedded model).
"""

import ctypes
import functools
import gc

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of mallopt's settings in <malloc.h>
_NEVER, _HUGE = 2**31 - 1, 2**30


@functools.cache
def _library() -> ctypes.CDLL | None:
    """Return glibc, or None where the C library is another one."""
    try:
        library = ctypes.CDLL(None)
        _ = library.mallopt, library.malloc_trim
    except (OSError, AttributeError, TypeError):
        return None
    return library


def keep_memory() -> bool:
    """Let this process keep what it frees; returns whether that is possible here."""
    library = _library()
    if library is None:
        return False
    return bool(
        library.mallopt(_MMAP_THRESHOLD, _HUGE) and library.mallopt(_TRIM_THRESHOLD, _NEVER)
    )


def give_memory_back() -> None:
    """Return what is free to the system."""
    gc.collect()
    if (library := _library()) is not None:
        library.malloc_trim(0)
