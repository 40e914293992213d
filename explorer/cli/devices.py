"""Where a command computes: on one device here, or on all nodes of a Ray cluster."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, TypeVar

from filelock import Timeout

from explorer.assets import catalog
from explorer.base.errors import BadInputError
from explorer.cli.progress import carry_out, say
from explorer.cluster import joining
from explorer.cluster.parts import Division
from explorer.jobs import client
from explorer.jobs.devices import VISIBLE, driver_name

if TYPE_CHECKING:
    from explorer.model.pool import ModelPool

AnyDivision = TypeVar("AnyDivision", bound=Division)
ALL, AUTO = "all", "auto"
DEVICE = (
    "Where to compute: auto, cpu, mps, cuda, cuda:1 or another; several GPUs with commas between, "
    "or “all” of them, share the work out."
)
"""The meaning of `--device` where work can be shared out."""


def add_to(command: argparse.ArgumentParser) -> None:
    """Add the options that spread a command over machines."""
    command.add_argument(
        "--ray",
        nargs="?",
        const=joining.LOCAL,
        metavar="ADDRESS",
        help="Spread the work over a Ray cluster: HOST:PORT, or “auto” for the one that this "
        "machine belongs to; without an address over all devices of this machine.",
    )
    command.add_argument(
        "--cores", type=int, metavar="K", help="Processor cores for each process of --ray."
    )


def named(name: str) -> str:
    """Return the device that a name means here.

    Raises:
        BadInputError: if there is no such device.
    """
    from explorer.model.frozen import choose_device

    return str(choose_device(name))


@contextmanager
def alone_on(device: str) -> "Iterator[ModelPool]":
    """Hold the device's compute lock; yield its models."""
    import torch

    from explorer.model.pool import ModelPool

    with held(device):
        yield ModelPool(torch.device(device))


@contextmanager
def held(device: str) -> Iterator[None]:
    """Hold the device's compute lock, saying so when it has to be waited for."""
    lock = client.compute_lock(device)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say("Waiting: another process is computing on this device …")
        try:
            lock.acquire()
        except RuntimeError as error:  # for ever
            raise BadInputError(
                "What is under way in this thread holds the device. Let it end first."
            ) from error
    try:
        yield
    finally:
        lock.release()


def several(arguments: argparse.Namespace) -> list[str]:
    """Return the devices that a person named: one, some GPUs with commas between, or `all`.

    Raises:
        BadInputError: if one is not a device of this machine, or is named twice; if Ray is to be
            used and is not installed, or no cluster answers.
    """
    names: str = arguments.device.strip()
    if arguments.cores is not None and arguments.cores < 1:
        raise BadInputError("--cores is at least 1.")
    if arguments.ray is not None:
        if arguments.ray != joining.LOCAL and names != AUTO:
            raise BadInputError(
                "A cluster's nodes compute on what they have: leave --device or --ray out."
            )
        joining.require_ray()
        joining.require_answer(arguments.ray)
    if names == ALL or (names == AUTO and arguments.ray == joining.LOCAL):
        import torch

        if gpus := torch.cuda.device_count():
            return [f"cuda:{k}" for k in range(gpus)]
        if names == ALL:
            raise BadInputError(
                "There is no GPU on this machine. Leave --device out to use what there is, or "
                "share the processor's cores out with --ray."
            )
    found = [named(name.strip()) for name in names.split(",")]
    if len(set(found)) != len(found):
        raise BadInputError(f"“--device {names}” names a device twice. Name each of them once.")
    if len(found) > 1 and not all(name.startswith("cuda") for name in found):
        raise BadInputError("Work is shared out among GPUs only: name several, or one device.")
    if arguments.cores is not None and not spreads(arguments, found):
        raise BadInputError("--cores goes with --ray. Leave it out, or add --ray.")
    return found


def spreads(arguments: argparse.Namespace, devices: list[str]) -> bool:
    """Return whether a command is to be carried out by Ray."""
    return arguments.ray is not None or len(devices) > 1


def spread_over(
    arguments: argparse.Namespace, devices: list[str], division: AnyDivision
) -> AnyDivision:
    """Carry a division out by Ray, on this machine's devices or on a cluster, and return it.

    Raises:
        BadInputError: if Ray is not installed, or the cluster cannot be joined.
        ModelError: if the model fits on no node.
        ExplorerError: if a part fails.
    """
    from explorer.cluster.spreading import Spread

    card = catalog.find(division.model)
    address = arguments.ray or joining.LOCAL
    with _here(devices) if address == joining.LOCAL else ExitStack(), joining.joined(address):
        asks = joining.asked(card, arguments.cores, _gpu_memory())
        joining.require_room(asks, card)
        task = Spread(division, asks)
        try:
            carry_out(task)
        except KeyboardInterrupt:
            say("Interrupted: the same command goes on where it was.")
            raise
        for why in task.refused.values():
            say(why)
    return division


@contextmanager
def _here(devices: list[str]) -> Iterator[None]:
    """Hold these devices, and let Ray see no other GPUs."""
    with ExitStack() as stack:
        for device in devices:
            stack.enter_context(held(device))
        gpus = [device for device in devices if device.startswith("cuda:")]
        numbers = [driver_name(gpu.removeprefix("cuda:")) for gpu in gpus]  # none: no GPU
        if shown := os.environ.pop(VISIBLE, ""):
            stack.callback(os.environ.update, {VISIBLE: shown})
        os.environ[VISIBLE] = ",".join(numbers)
        stack.callback(os.environ.pop, VISIBLE)
        yield


def _gpu_memory() -> int | None:
    """Return the memory of this machine's smallest GPU, if it has one and torch is loaded."""
    if "torch" not in sys.modules:
        return None
    import torch

    count = torch.cuda.device_count()
    found = [torch.cuda.get_device_properties(k).total_memory for k in range(count)]
    return min(found, default=None)
