"""Which devices a command computes on, and that nobody else computes there meanwhile."""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING

from filelock import Timeout

from explorer.base.errors import BadInputError, ExplorerError
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
    """Hold the device's compute lock, saying so when it has to be waited for; yield its models."""
    import torch

    from explorer.model.pool import ModelPool

    lock = client.compute_lock(device)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say("Waiting: another process is computing on this device …")
        lock.acquire()
    try:
        yield ModelPool(torch.device(device))
    finally:
        lock.release()


def several(names: str) -> list[str]:
    """Return the devices that a person named: one, some with commas between, or `all` GPUs.

    Raises:
        BadInputError: if one is not a device of this machine, or is named twice.
    """
    if names.strip() == "all":
        import torch

        if not torch.cuda.device_count():
            raise BadInputError(
                "There is no GPU on this machine. Leave --device out to use what there is."
            )
        return [f"cuda:{k}" for k in range(torch.cuda.device_count())]
    found = [named(name.strip()) for name in names.split(",")]
    if len(set(found)) != len(found):
        raise BadInputError(f"“--device {names}” names a device twice. Name each of them once.")
    return found


def work_on(devices: Sequence[str], arguments: Sequence[str]) -> None:
    """Run `python -m explorer` once for each device, side by side, until all are through.

    What they say goes to stderr, each line after the device's name. What is not measured because
    one of them failed is measured by the others.

    Args:
        devices: such as `cuda:0`.
        arguments: of the command, without a device.

    Raises:
        ExplorerError: if all of them failed.
    """
    command = [sys.executable, "-m", "explorer", *arguments]
    workers = [
        subprocess.Popen(  # noqa: S603 (our own module, the command a person gave)
            [*command, "--device", device],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
        for device in devices
    ]
    talk = [
        threading.Thread(target=_relay, args=(device, worker.stderr), daemon=True)
        for device, worker in zip(devices, workers, strict=True)
    ]
    for thread in talk:
        thread.start()
    try:
        codes = [worker.wait() for worker in workers]
    finally:
        for worker in workers:
            worker.terminate()
    for thread in talk:
        thread.join()
    if all(codes):
        raise ExplorerError("No device could measure anything; what each said stands above.")


def _relay(device: str, lines: IO[str] | None) -> None:
    for line in lines or ():
        print(f"{device}: {line.rstrip()}", file=sys.stderr, flush=True)
