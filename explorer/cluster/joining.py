"""Starting Ray on this machine, or joining a cluster, and what a node may ask of it."""

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import Any

from explorer.assets.catalog import ModelCard
from explorer.assets.memory import needed_by
from explorer.assets.model_files import stored_formats
from explorer.base.errors import BadInputError, ExplorerError, ModelError
from explorer.base.folders import PROJECT
from explorer.base.formatting import human_bytes
from explorer.runtime import limits

LOCAL = "local"
"""The address that means: start Ray on this machine."""
TOKEN = Path("~/.ray/auth_token")
"""The secret of this person's clusters, where Ray keeps it."""
SEARCHED_AND_CONFIRMED = 6
"""Bytes of a parameter on a GPU that holds a model twice: in bfloat16 to search, and in float32 to
confirm. Weights that are stored in bfloat16 are held once."""
REACH_SECONDS = 5.0
"""How long a cluster's address may take to answer."""


@dataclass(frozen=True)
class Asks:
    """What one process of a node takes of its machine.

    Attributes:
        cores: of the processor.
        gpu: part of a GPU; 0: none.
        memory: bytes.
    """

    cores: int
    gpu: float
    memory: int

    def options(self) -> dict[str, Any]:
        """Return this as an actor's options."""
        return {"num_cpus": self.cores, "num_gpus": self.gpu, "memory": self.memory}

    def places(self, resources: dict[str, float]) -> int:
        """Return how many such processes a machine with these resources has room for.

        What is left of two GPUs does not add up: Ray takes a part from one of them.
        """
        wanted = {"CPU": self.cores, "memory": self.memory}
        places = [int(resources.get(name, 0) / of) for name, of in wanted.items() if of]
        if self.gpu:
            places.append(int(resources.get("GPU", 0)) * int(1 / self.gpu))
        return min(places)


def require_ray() -> None:
    """Make sure that Ray is installed.

    Raises:
        BadInputError: if it is not.
    """
    if util.find_spec("ray") is None:
        raise BadInputError(
            "This needs Ray, which is not installed. Install it with: "
            "pip install -r requirements-ray.txt"
        )


@contextlib.contextmanager
def joined(address: str) -> Iterator[None]:
    """Start Ray on this machine, or join the cluster at an address; leave it at the end.

    Raises:
        BadInputError: if Ray is not installed, no cluster answers, or it runs other versions.
    """
    require_ray()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if "ray" in sys.modules and sys.modules["ray"].is_initialized():
        yield  # whoever calls this as a library has joined one
        return
    how: dict[str, Any] = {"address": address, "logging_level": "ERROR", "log_to_driver": False}
    if address == LOCAL:  # not one that happens to run here
        how |= {"num_cpus": limits.cores(), "include_dashboard": False}
        how["_node_ip_address"] = "127.0.0.1"
    else:
        require_answer(address)
        if TOKEN.expanduser().is_file():  # as “ray start” takes it by itself, and “init” does not
            os.environ.setdefault("RAY_AUTH_MODE", "token")
        how["runtime_env"] = {"py_modules": [str(PROJECT / "explorer")]}
    import ray

    try:
        ray.init(**how)
    except Exception as error:  # Ray raises that itself where a machine is too slow to start it
        said = " ".join(str(error).split())[:300]
        raise BadInputError(
            f"Ray could not be started on this machine: {said} Try again when the machine is less "
            "busy, or leave --ray out."
            if address == LOCAL
            else f"The Ray cluster at {address} could not be joined: {said} Run the same versions "
            "of Python and Ray on every machine, give all of them the same token, and run this "
            "command on one of the cluster's."
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def require_answer(address: str) -> None:
    """Make sure that somebody listens at an address, since Ray itself tries for a long time.

    Raises:
        BadInputError: if nobody does, or it is no address.
    """
    if address in ("auto", LOCAL):
        return
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdigit():
        raise BadInputError(
            f"“{address[:80]}” is not the address of a Ray cluster. Give HOST:PORT, as “ray start "
            "--head” prints it, or “auto” for the cluster that this machine belongs to."
        )
    try:
        socket.create_connection((host, int(port)), timeout=REACH_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise BadInputError(
            f"No Ray cluster answers at {address}. Start one there with “ray start --head”, or "
            "leave the address out to compute on this machine."
        ) from error


def asked(card: ModelCard, cores: int | None, gpu_memory: int | None) -> Asks:
    """Return what a process with a model takes, after the model's memory plan.

    Args:
        card: the model.
        cores: of a processor; None: two where there is no GPU, else one.
        gpu_memory: bytes of a GPU; None: unknown, and a process takes a whole one.
    """
    import ray

    gpus = ray.cluster_resources().get("GPU", 0)
    memory = needed_by(card) or 0
    once = card.folder is not None and stored_formats(card.folder) == {"BF16"}
    held = memory if once else needed_by(card, SEARCHED_AND_CONFIRMED) or 0
    part = 1.0 if not gpu_memory else min(1.0, max(0.25, round(held / gpu_memory + 0.05, 1)))
    most = max((int(r.get("CPU", 0)) for r in machines().values()), default=1)
    return Asks(cores or (1 if gpus else min(2, max(1, most))), part if gpus else 0.0, memory)


def machines() -> dict[str, dict[str, float]]:
    """Return the resources of every machine that is alive, by Ray's id of it."""
    import ray

    return {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}


def require_room(asks: Asks, card: ModelCard) -> None:
    """Make sure that there is a machine with room for one process.

    Raises:
        ModelError: if the model fits on no node.
        ExplorerError: if no node has the cores.
    """
    there = list(machines().values())
    if any(asks.places(resources) for resources in there):
        return
    memory = max((r.get("memory", 0.0) for r in there), default=0.0)
    if memory < asks.memory:
        raise ModelError(
            f"{card.title} needs about {human_bytes(asks.memory)} of memory, and no node has more "
            f"than {human_bytes(int(memory))} for it. Choose a smaller model or add a larger node."
        )
    cores = max((int(r.get("CPU", 0)) for r in there), default=0)
    raise ExplorerError(
        f"No node has {asks.cores} cores and what else a process takes; the largest has {cores}. "
        "Lower --cores."
    )
