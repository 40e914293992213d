"""Which device a command computes on, and that nobody else computes there meanwhile."""

import contextlib
import sys
from collections.abc import Iterator

from filelock import Timeout

from explorer.jobs import client


def named(name: str) -> str:
    """Return the device that a name means here.

    Raises:
        BadInputError: if there is no such device.
    """
    from explorer.model.frozen import choose_device

    return str(choose_device(name))


@contextlib.contextmanager
def alone_on(device: str) -> Iterator[None]:
    """Hold the device's compute lock, saying so when it has to be waited for."""
    lock = client.compute_lock(device)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print("Waiting: another process is computing on this device …", file=sys.stderr)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
