"""One process of a node, as the driver sees it."""

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from explorer.cluster.parts import Facts, Part


@dataclass(eq=False)
class Process:
    """One process of a node, as the driver sees it.

    Attributes:
        machine: Ray's id of the node.
        actor: Ray's handle.
        waits_for: what it is to answer next.
        answers: what that answer is: who it is, what the work is, or the step of a part.
        facts: what it is; None before it has said.
        part: what it is at.
        lock: keeps others of this machine from that part.
        fraction: of the part that is done.
        since: when the part was handed out, `time.time()`.
        finished: how many parts it has finished.
    """

    machine: str
    actor: Any
    waits_for: Any
    answers: str = "facts"
    facts: Facts | None = None
    part: Part | None = None
    lock: AbstractContextManager[object] | None = None
    fraction: float = 0.0
    since: float = field(default_factory=time.time)
    finished: int = 0

    @property
    def idle(self) -> bool:
        """Whether it waits for a part."""
        return self.answers == "nothing"
