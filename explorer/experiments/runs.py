"""A run of an experiment on disk: its settings, and every cell of its grid that is done.

A folder `experiments/ID/` with `run.json` (what is asked, on what), `cells.jsonl` (one line a
finished cell, appended when it is done) and `solutions/`. The id is a hash of settings and weights:
the same settings go on where they were. Free of torch.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import ConfigDict, Field, ValidationError

from explorer.base import folders
from explorer.base.collection import Collection, Stored
from explorer.base.errors import CorruptFileError, StorageError
from explorer.base.files import require_mine, say_kept
from explorer.base.language import later, tr
from explorer.base.provenance import Computed, Recorded, computed_in_words
from explorer.base.value import Value
from explorer.experiments import cell_locks
from explorer.specs.experiments import Name, Settings

HEADER_FILE, CELLS_FILE, SOLUTIONS = "run.json", "cells.jsonl", "solutions"
SCHEMA: Literal[1] = 1


class Cell(Value):
    """One part of a grid: measured as a whole, kept when it is done."""

    key: str = Field(description="Names it within the run.")
    title: str = Field(description="What it is, for a person who waits.")
    at: dict[str, Any] = Field(description="Where in the grid it lies.")


class Done(Value):
    """A finished cell: one line of `cells.jsonl`."""

    model_config = ConfigDict(ser_json_inf_nan="constants")

    key: str
    rows: list[dict[str, Any]] = Field(description="Its measurements, one dict a row of a table.")
    seconds: float = Field(ge=0, description="Compute time it took.")
    finished: str = Field(description="UTC, ISO 8601.")
    computed: Computed | None = Field(None, description="What with; None: not noted.")


class Header(Recorded):
    """Everything in `run.json`, with the versions that began it."""

    schema_version: Literal[1] = SCHEMA
    id: str
    settings: Settings
    preset: str = Field("custom", description="Name of the preset the settings are.")
    fingerprint: str = Field(description="SHA-256 of the model's stored weights.")
    parameters: int | None = Field(None, description="Of the model.")
    d_model: int
    rotary: bool = Field(
        description="Whether positions leave the values alone (I5), as rotary ones do."
    )
    device: str = Field(
        description="Kind of device and number format of the search where it began; what each cell "
        "was measured with stands beside it."
    )
    created: str = Field(description="UTC, ISO 8601.")
    job: str | None = Field(None, description="Id of the job that began it; None: a shell.")


@dataclass(frozen=True)
class Run:
    """A run as it stands.

    Attributes:
        header: `run.json`.
        folder: where it lies.
        done: finished cells, in the order in which they were finished.
    """

    header: Header
    folder: Path
    done: tuple[Done, ...]

    @property
    def settings(self) -> Settings:
        """What was asked."""
        return self.header.settings

    @cached_property
    def table(self) -> pd.DataFrame:
        """Every measurement of every finished cell, one row each; empty before the first."""
        return pd.DataFrame([row for cell in self.done for row in cell.rows])

    @property
    def keys(self) -> frozenset[str]:
        """Keys of the finished cells."""
        return frozenset(cell.key for cell in self.done)

    @property
    def seconds(self) -> float:
        """Compute time of the finished cells."""
        return sum(cell.seconds for cell in self.done)

    @property
    def computed(self) -> list[Computed]:
        """What its cells were measured with, each once, in their order; old ones noted nothing."""
        found: list[Computed] = []
        for cell in self.done:
            if cell.computed is not None and cell.computed not in found:
                found.append(cell.computed)
        return found

    @property
    def devices(self) -> str:
        """Device and number format of every cell, in the words of whoever reads."""
        noted = dict.fromkeys(
            self.header.device if cell.computed is None else cell.computed.sentence
            for cell in self.done
        )
        said = map(computed_in_words, noted or (self.header.device,))
        return reduce(lambda one, other: tr("{one}, then {other}", one=one, other=other), said)

    @property
    def ships(self) -> bool:
        """Whether it came with the project."""
        return self.folder.is_relative_to(folders.recorded())


def run_id(settings: Settings, fingerprint: str) -> str:
    """Return the id of the run that these settings make with these weights."""
    if (recipe := getattr(settings, "recipe", None)) is not None:
        settings = settings.model_copy(update={"recipe": recipe.as_recorded})
    asked = settings.model_dump(mode="json")
    if asked.get("layout") == "mem":
        del asked["layout"]  # runs from before it had a name go on
    made_of = json.dumps([SCHEMA, asked, fingerprint], sort_keys=True)
    return hashlib.sha256(made_of.encode()).hexdigest()[:12]


def work_of(name: str) -> Path:
    """Return where the checkpoints of a run that is being measured lie."""
    return folders.local() / "jobs" / f"run-{name}"


def checkpoint_name(cell: str) -> str:
    """Return the name of the file, below `work_of`, that a cell of that key goes on from."""
    return f"{hashlib.sha256(cell.encode()).hexdigest()[:16]}.safetensors"


def save_header(header: Header) -> Path:
    """Write `run.json` of a run of this machine and return the run's folder.

    Raises:
        StorageError: if the disk refuses.
    """
    return header.keep(folder_of(header.id) / HEADER_FILE).parent


def append(folder: Path, cell: Done) -> None:
    """Keep a finished cell: it is on the disk when this returns.

    Several processes may be at the run. A last line that a kill left unfinished is cut off first.

    Raises:
        StorageError: if the disk refuses.
    """
    try:
        with cell_locks.lock(folder.name, CELLS_FILE):
            require_mine()
            with (folder / CELLS_FILE).open("a+b") as file:
                file.seek(0)
                content = file.read()
                file.truncate(content.rfind(b"\n") + 1)
                file.write(cell.model_dump_json().encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        raise StorageError(
            f"A finished cell could not be written to {folder} ({error.strerror}). "
            "Free some space; the run goes on where it was."
        ) from error
    say_kept()


def read_header(file: Path) -> Header:
    """Read `run.json`.

    Raises:
        CorruptFileError: if it is missing, damaged or of another version.
    """
    try:
        return Header.model_validate_json(file.read_bytes())
    except OSError as error:
        raise CorruptFileError(
            tr("The folder {folder} holds no run of an experiment.", folder=file.parent)
        ) from error
    except ValidationError as error:
        raise CorruptFileError(
            tr(
                "{name} in {folder} is damaged or of another version. Run it again.",
                name=file.name,
                folder=file.parent,
            )
        ) from error


def load(folder: Path) -> Run:
    """Read a run; a last line that a kill cut short counts as a cell that is not done.

    Raises:
        CorruptFileError: if the header is missing, damaged or of another version, or a line in
            the middle of the cells cannot be read.
    """
    try:
        header = read_header(folder / HEADER_FILE)
        lines = (folder / CELLS_FILE).read_bytes() if (folder / CELLS_FILE).is_file() else b""
    except OSError as error:
        raise CorruptFileError(
            tr("{name} in {folder} cannot be read.", name=CELLS_FILE, folder=folder)
        ) from error
    whole, _, _ = lines.rpartition(b"\n")
    try:
        cells = [Done.model_validate_json(line) for line in whole.splitlines() if line.strip()]
    except ValidationError as error:
        raise CorruptFileError(
            tr(
                "{name} in {folder} has a damaged line. Delete that line; its cell is then "
                "measured again.",
                name=CELLS_FILE,
                folder=folder,
            )
        ) from error
    newest = {cell.key: cell for cell in cells}
    return Run(header, folder, tuple(newest.values()))


RUNS = Collection(
    noun=later("run of an experiment"),
    place="experiments",
    file=HEADER_FILE,
    read=read_header,
    advice=later("Start one on the page of its experiment."),
)
folder_of, find = RUNS.folder_of, RUNS.find_folder


def run_folders(experiment: Name | None = None) -> list[Path]:
    """Return the folders of this machine's runs, newest first, then of those that ship.

    Args:
        experiment: only its runs. One that is damaged belongs to the experiment that it still
            names, and `load` says what is wrong with it.
    """
    place = {folder: k for k, folder in enumerate(shipped())}
    found = sorted(RUNS.all(), key=lambda run: place.get(run.folder, -1))
    return [run.folder for run in found if experiment in (None, _experiment_of(run))]


def shipped() -> list[Path]:
    """Return the folders of the runs that ship, those with the most cells first: they tell most."""
    return sorted((file.parent for file in RUNS.shipped()), key=_cells, reverse=True)


@lru_cache(maxsize=64)
def _cells(folder: Path) -> int:
    """Return how many cells a run that ships has; what ships stays as it is."""
    cells = folder / CELLS_FILE
    return cells.read_bytes().count(b"\n") if cells.is_file() else 0


def _experiment_of(run: Stored[Header]) -> str | None:
    if run.said is not None:
        return run.said.settings.experiment
    try:
        named: str = json.loads(run.file.read_bytes())["settings"]["experiment"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return named
