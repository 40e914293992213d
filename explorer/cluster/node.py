"""One process of a node: it has the model, carries out one part after the other, keeps nothing.

Ray starts it (`joining.asked`) and calls it from the driver. It works below a folder of its own,
so that several on one machine, or one beside the app there, do not meet.
"""

import os
import platform
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from explorer.assets import catalog, first_position
from explorer.assets.fingerprint import fingerprint as fingerprint_of
from explorer.base import folders
from explorer.base.errors import ExplorerError, ModelError, StorageError
from explorer.base.provenance import versions
from explorer.cluster.carried import CARRIED_OUT, Carried
from explorer.cluster.parts import Facts, Files, Finished, Part, Step
from explorer.model.frozen import best_device, fast_dtype
from explorer.model.pool import ModelPool
from explorer.runtime.process import keep_memory

FOLDER = "proto-tokens-node-"
"""How the folder of a process begins, before its number."""


class Node:
    """A process with one model on one device."""

    def __init__(
        self,
        model: str,
        precision: str,
        *,
        fingerprint: str = "",
        searches_in: str = "",
        threads: int | None = None,
    ) -> None:
        """Look what there is on this machine.

        Args:
            model: name of the model.
            precision: in which it searches, as a recipe has it.
            fingerprint: of the weights that are meant; empty: those that are here.
            searches_in: number format of the first node, which the others take over; empty: this
                is the first.
            threads: of a processor that it may use; None: not on one.
        """
        if threads is not None:
            torch.set_num_threads(threads)
        keep_memory()
        self.model, self.fingerprint = model, fingerprint
        self.device = best_device()
        self._fast = (
            getattr(torch, searches_in) if searches_in else fast_dtype(self.device, precision)
        )
        self._carried: Carried | None = None
        self._folder = _folder()
        at = catalog.find(model).folder if not catalog.is_path(model) else Path(model)
        here = folders.local()
        with suppress(OSError):  # what one node finds of a model the others need not find again
            (here / first_position.FOLDER).mkdir(parents=True, exist_ok=True)
        for name in ("assets", "models", "fingerprints", "texts", first_position.FOLDER):
            if (here / name).is_dir():
                (self._folder / name).symlink_to(here / name)
        os.environ["EXPLORER_CACHE"] = str(self._folder)
        self._at = at if at is not None and at.is_dir() and self._is_meant(at) else None

    def _is_meant(self, folder: Path) -> bool:
        return not self.fingerprint or fingerprint_of(folder) == self.fingerprint

    def facts(self, fetch: bool = False) -> Facts:
        """Say what this node is.

        Args:
            fetch: whether to fetch a model of the hub that is not here.
        """
        if self._at is None and fetch:
            card = catalog.find(self.model)
            with suppress(ExplorerError):  # the driver sends its own then
                if card.origin == "hub" and self._is_meant(folder := catalog.download(card)):
                    self._at = folder
        cuda = self.device.type == "cuda"
        return Facts(
            name=socket.gethostname(),
            device=torch.cuda.get_device_name() if cuda else self.device.type.upper(),
            searched_in=str(self._fast).removeprefix("torch."),
            fingerprint="" if self._at is None else fingerprint_of(self._at),
            versions={"python": platform.python_version()} | versions(),
        )

    def take_model(self, files: dict[str, Any]) -> Facts:
        """Write the model that the driver has, and say what this node is now.

        Args:
            files: references to the bytes of each file, by its name.

        Raises:
            StorageError: if the disk refuses.
        """
        import ray

        folder = folders.make(self._folder / "sent")
        for name, reference in files.items():
            content: np.ndarray = ray.get(reference)
            try:
                content.tofile(folder / Path(name).name)
            except OSError as error:
                raise StorageError(f"The model cannot be written in {folder}: {error}.") from error
        self._at = folder
        return self.facts()

    def describe(self, kind: str, described: dict[str, Any]) -> Files:
        """Load the model, make ready what all parts share, and return the files of it.

        Raises:
            ExplorerError: as making the task itself does.
        """
        if self._at is None:
            raise ModelError("This node has no model yet.")
        catalog.lend(self.model, self._at)
        pool = ModelPool(self.device, fast=self._fast)
        self._carried = Carried(CARRIED_OUT[kind](described, pool))
        return self._carried.made()

    def carry_out(
        self, part: Part, known: Files, say_every: float, keep_every: float
    ) -> Iterator[Step | Finished]:
        """Carry a part out; say now and then how far it is, and less often what is kept.

        Args:
            part: what to do.
            known: what an earlier node has left.
            say_every: seconds between two words on how far it is.
            keep_every: seconds between two of which another node could go on.

        Raises:
            ExplorerError: as the task itself does.
        """
        if self._carried is None:
            raise ModelError("This node does not know the work yet.")
        said = kept = time.monotonic()
        with closing(self._carried.steps(part.key, known)) as steps:
            for _ in steps:
                now = time.monotonic()
                if now - said < say_every:
                    continue
                said, due = now, now - kept >= keep_every
                if due:
                    kept = now
                yield Step(self._carried.task.inside, self._carried.kept() if due else None)
        yield Finished(self._carried.made(known))


def _folder() -> Path:
    """Return a folder for this process; those of processes that are gone are removed."""
    root = Path(tempfile.gettempdir())
    for old in root.glob(f"{FOLDER}*"):
        number = int(old.name.removeprefix(FOLDER))
        if number == os.getpid() or not psutil.pid_exists(number):  # numbers come again
            shutil.rmtree(old, ignore_errors=True)
    made = root / f"{FOLDER}{os.getpid()}"
    made.mkdir(mode=0o700)
    return made


def told(error: Exception) -> ExplorerError:
    """Return what a node raised as it was raised there."""
    cause = getattr(error, "cause", error)
    return cause if isinstance(cause, ExplorerError) else ExplorerError(str(error).strip()[-400:])
