"""Who is at work on a run that a command spreads over machines: noted by it, read by pages."""

import time
from typing import Any

from pydantic import Field

from explorer.base.value import Value
from explorer.experiments.runs import work_of

FILE = "nodes.json"
FRESH_SECONDS = 20.0
"""After so long without a word the command counts as gone."""


class AtWork(Value):
    """One process of a machine."""

    name: str = Field(max_length=200, description="Of the machine.")
    device: str = Field(max_length=200)
    searched_in: str = Field(max_length=40)
    part: str = Field("", max_length=400, description="Key of what it is at; empty: nothing.")
    title: str = Field("", max_length=400, description="The same for a person.")
    fraction: float = Field(0.0, ge=0, le=1, description="Part of that which is done.")
    since: float = Field(description="When it was given that, seconds since 1970.")
    finished: int = Field(0, ge=0, description="How many cells it has finished.")


class Nodes(Value):
    """Everything in `nodes.json`."""

    at: float = Field(description="When this was written, seconds since 1970.")
    nodes: tuple[AtWork, ...]
    refused: tuple[str, ...] = Field((), description="Why which machine takes nothing.")


def write_nodes(run: str, nodes: list[dict[str, Any]], refused: list[str]) -> None:
    """Write who is at work on a run.

    Raises:
        StorageError: if the disk refuses.
    """
    said = Nodes.model_validate({"at": time.time(), "nodes": nodes, "refused": refused})
    said.keep(work_of(run) / FILE)


def read_nodes(run: str) -> Nodes | None:
    """Return who is at work on a run; None if no command spreads it over machines now."""
    said = Nodes.kept(work_of(run) / FILE)
    return said if said is not None and time.time() - said.at <= FRESH_SECONDS else None
