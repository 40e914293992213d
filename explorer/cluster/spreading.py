"""The driver: hands parts out to nodes, keeps what comes back, and outlives every one of them."""

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from explorer.assets import catalog
from explorer.assets.fingerprint import fingerprint
from explorer.base.errors import ExplorerError, MissingAssetError, ModelError, StorageError
from explorer.base.progress import Progress
from explorer.base.provenance import versions
from explorer.cluster import joining
from explorer.cluster.joining import Asks
from explorer.cluster.parts import Division, Facts, Finished, Step
from explorer.cluster.process import Process
from explorer.tasks.task import Task

DEATHS = 3
"""So often a part may end the process that is at it before it counts as the cause."""
SAY_SECONDS = 1.0
"""How often a part under way is heard of."""
KEEP_SECONDS = 20.0
"""How often what it would be gone on from is sent: what a lost node costs, besides its start."""
NOTE_SECONDS = 2.0
"""How often the division hears who is at work on what."""
POLL_SECONDS = 0.5
"""How often the driver looks for nodes that have joined."""


class Spread(Task):
    """Carries the parts of a division out on every node that there is.

    A process that dies gives its part back, which goes on elsewhere from what was last kept. A
    machine that joins later gets processes of its own. What is finished is kept at once, so that
    the driver, too, may be ended at any time and started again.

    Attributes:
        division: the work.
        refused: why which machine takes nothing, in sentences.
        processes: those that there are.
    """

    def __init__(self, division: Division, asks: Asks, node: type | None = None) -> None:
        """Name the work, what each process takes, and what it is; None: `node.Node`."""
        self.division, self.asks = division, asks
        self._node = node
        self.refused: dict[str, str] = {}
        self.processes: list[Process] = []
        self._model: dict[str, Any] | None = None  # references to its files, once a node asked
        self._reference: Facts | None = None
        self._begun = False
        self._deaths: Counter[str] = Counter()
        self._looked = 0.0
        self._error: ExplorerError | None = None
        self._noted = 0.0
        folder = None if node else catalog.find(division.model).folder
        self._fingerprint = "" if folder is None else fingerprint(folder)

    def _work(self) -> Iterator[Progress]:
        """Work until no part is left; yield every half second.

        Closing the iterator ends the processes; what they last sent is gone on from.

        Raises:
            ExplorerError: if a part cannot be carried out, or no node can take any.
        """
        import ray

        try:
            while not self._done:
                self._staff()
                for process in [p for p in self.processes if p.idle]:
                    self._hand_out(process)  # a part that another command was at may be free
                waiting = [p.waits_for for p in self.processes if not p.idle]
                if waiting:
                    ready, _ = ray.wait(waiting, timeout=POLL_SECONDS, fetch_local=False)
                    for process in [p for p in self.processes if p.waits_for in ready]:
                        self._hear(process)
                else:
                    time.sleep(POLL_SECONDS)
                if time.monotonic() - self._noted >= NOTE_SECONDS:
                    self._noted = time.monotonic()
                    self.division.note(self.nodes, list(self.refused.values()))
                yield self._progress
            self.division.finish()
        except (ExplorerError, KeyboardInterrupt):
            self._checkpoint()  # a division may have finished parts in memory alone
            raise
        finally:
            for process in list(self.processes):
                self._end(process)

    def _checkpoint(self) -> None:
        if self._begun:
            self.division.checkpoint()

    @property
    def outcome(self) -> str:
        """What there is by now, and what was refused."""
        return " ".join([self.division.outcome, *self.refused.values()])

    @property
    def _done(self) -> bool:
        busy = any(process.part for process in self.processes)
        return self._begun and not busy and not self.division.left()

    def _end(self, process: Process) -> None:
        import ray

        self._release(process)
        self.processes.remove(process)
        ray.kill(process.actor)

    def _release(self, process: Process) -> None:
        """Give its part back."""
        if process.lock is not None:
            process.lock.__exit__(None, None, None)
        process.part, process.lock, process.fraction = None, None, 0.0

    # -- processes ------------------------------------------------------------------------------

    def _staff(self) -> None:
        """Start a process wherever there is room, as long as there is a part for it."""
        if time.monotonic() - self._looked < POLL_SECONDS:
            return
        self._looked = time.monotonic()
        wanted = (len(self.division.left()) if self._begun else 1) - len(self.processes)
        for name, resources in joining.machines().items():
            if name not in self.refused:
                room = self.asks.places(resources) - sum(p.machine == name for p in self.processes)
                for _ in range(min(room, wanted)):
                    self.processes.append(self._start(name))
                    wanted -= 1
        if not self.processes and self.refused:
            raise self._error or ExplorerError(" ".join(self.refused.values()))

    def _start(self, machine: str) -> Process:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        from explorer.cluster.node import Node

        actor: Any = (
            ray.remote(self._node or Node)
            .options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(machine, soft=False),
                max_restarts=0,
                **self.asks.options(),
            )
            .remote(
                self.division.model,
                self.division.precision,
                fingerprint=self._fingerprint,
                searches_in=self._reference.searched_in if self._reference else "",
                threads=None if self.asks.gpu else self.asks.cores,
            )
        )
        return Process(machine, actor, actor.facts.remote(fetch=True))

    # -- what they say --------------------------------------------------------------------------

    def _hear(self, process: Process) -> None:
        """Take what a process has said, and tell it what to do next."""
        import ray

        from explorer.cluster.node import told

        try:
            match process.answers:
                case "facts":
                    self._meet(process, ray.get(process.waits_for))
                case "work":
                    if not self._begun:
                        self.division.begin(ray.get(process.waits_for))
                        self._begun = True
                    ray.get(process.waits_for)
                    process.answers, self._deaths[process.machine] = "nothing", 0
                case _:
                    self._follow(process, ray.get(next(process.waits_for)))
        except StopIteration:  # the part is over; what it came to is kept
            process.answers = "nothing"
        except ray.exceptions.RayTaskError as error:
            self._refuse_or_raise(process, told(error))
            return
        except ray.exceptions.RayError:
            self._bury(process)
            return
        if process.idle:
            self._hand_out(process)

    def _meet(self, process: Process, facts: Facts) -> None:
        """Compare a node with the others; send it the model if it has none."""
        process.facts = facts
        if not facts.fingerprint:
            process.waits_for = process.actor.take_model.remote(self._sent())
            return
        if why := self._differs(facts):
            self._refuse(process, why)
            return
        self._reference = self._reference or facts
        process.answers = "work"
        process.waits_for = process.actor.describe.remote(
            self.division.kind, self.division.described
        )

    def _differs(self, facts: Facts) -> str:
        """Say in which way a node computes other numbers than this machine, or than the first."""
        own = versions()
        for package, here in own.items():
            there = facts.versions.get(package, "none")
            if there != here:
                return f"{facts.name} has {package} {there}, here it is {here}: install the same."
        first = self._reference or facts
        if facts.fingerprint != (self._fingerprint or first.fingerprint):
            return f"{facts.name} has other weights of {self.division.model} than {first.name}."
        if facts.searched_in != first.searched_in:
            return (
                f"{facts.name} searches in {facts.searched_in}, {first.name} in "
                f"{first.searched_in}: fix it with --set recipe.precision."
            )
        return ""

    def _sent(self) -> dict[str, Any]:
        """Return references to the model's files, which go into the object store once."""
        import ray

        if self._model is None:
            folder, _ = catalog.require(self.division.model)
            self._model = {
                file.name: ray.put(np.fromfile(file, np.uint8))
                for file in sorted(folder.iterdir())
                if file.is_file()
            }
        return self._model

    def _follow(self, process: Process, said: Step | Finished) -> None:
        part = process.part
        assert part is not None
        if isinstance(said, Step):
            process.fraction = said.fraction
            if said.files is not None:
                self.division.keep_step(part, said.files)
                self._deaths[part.key] = 0
            return
        self.division.keep(part, said)
        process.finished += 1
        self._release(process)

    def _hand_out(self, process: Process) -> None:
        """Give a process the next part that nobody is at; end it if none can become free."""
        taken = {p.part.key for p in self.processes if p.part is not None}
        left = self.division.left()
        for part in left:
            if part.key not in taken and (lock := self.division.lock(part)) is not None:
                process.part, process.lock = part, lock
                process.since, process.answers = time.time(), "step"
                process.waits_for = process.actor.carry_out.options(num_returns="streaming").remote(
                    part, self.division.known(part), SAY_SECONDS, KEEP_SECONDS
                )
                return
        waiting = sum(p.idle for p in self.processes if p is not process)
        if waiting >= sum(part.key not in taken for part in left):
            self._end(process)

    # -- what goes wrong ------------------------------------------------------------------------

    def _bury(self, process: Process) -> None:
        """Take the part of a process that is gone, to be given to another.

        A machine on which none can begin is left out; others go on.

        Raises:
            ExplorerError: if the part has ended several, without progress in between.
        """
        part = process.part
        self._release(process)
        self.processes.remove(process)
        if part is None:
            self._deaths[process.machine] += 1
            if self._deaths[process.machine] >= 3 * DEATHS:
                name = process.facts.name if process.facts else "A node"
                self.refused[process.machine] = (
                    f"{name} takes nothing: processes end there before they can begin. It may have "
                    f"too little memory for {self.division.model}: look into Ray's logs there."
                )
            return
        self._deaths[part.key] += 1
        if self._deaths[part.key] >= DEATHS:
            raise ExplorerError(
                f"“{part.title}” ended {DEATHS} processes, one after the other; they may have too "
                "little memory. What is finished is kept: the same command goes on with it."
            )

    def _refuse_or_raise(self, process: Process, error: ExplorerError) -> None:
        """Do without a node that lacks something; anything else would fail everywhere.

        Raises:
            ExplorerError: what would.
        """
        if not isinstance(error, MissingAssetError | ModelError | StorageError):
            raise error
        self._error = error
        name = process.facts.name if process.facts else "A node"
        self._refuse(process, f"{name} takes nothing: {error}")

    def _refuse(self, process: Process, why: str) -> None:
        self._error = self._error or ExplorerError(why)
        self.refused[process.machine] = why
        self._end(process)

    # -- how it stands --------------------------------------------------------------------------

    @property
    def nodes(self) -> list[dict[str, Any]]:
        """Return what every process is and does, as plain values."""
        return [
            {
                "name": process.facts.name,
                "device": process.facts.device,
                "searched_in": process.facts.searched_in,
                "part": process.part.key if process.part else "",
                "title": process.part.title if process.part else "",
                "fraction": process.fraction,
                "since": process.since,
                "finished": process.finished,
            }
            for process in self.processes
            if process.facts is not None
        ]

    @property
    def _progress(self) -> Progress:
        if not self._begun:
            return Progress("Waiting for a node that has the model.", 0.0)
        under_way = {p.part.key: p.fraction for p in self.processes if p.part is not None}
        return self.division.progress(under_way, max(1, len(under_way)))
