"""Which devices a command computes on, and that nobody else computes there meanwhile."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from filelock import Timeout

from explorer.cli.progress import say
from explorer.jobs import client

if TYPE_CHECKING:
    from explorer.model.pool import ModelPool


def named(name: str) -> str:
    """Return the device that a name means here.

    Raises:
        BadInputError: if there is no such device.
    """
    from explorer.model.frozen import choose_device

    return str(choose_device(name))


@contextlib.contextmanager
def alone_on(device: str) -> "Iterator[ModelPool]":
    """Hold the device's compute lock; yield its models."""
    import torch

    from explorer.model.pool import ModelPool

    with held(device):
        yield ModelPool(torch.device(device))


@contextlib.contextmanager
def held(device: str) -> Iterator[None]:
    """Hold the device's compute lock, saying so when it has to be waited for."""
    lock = client.compute_lock(device)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say("Waiting: another process is computing on this device …")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
