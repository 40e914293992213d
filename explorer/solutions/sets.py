"""A solution set on disk: a folder with `set.json` and its solution files. Free of torch."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from explorer.base import folders
from explorer.base.collection import Collection
from explorer.base.errors import CorruptFileError, StorageError
from explorer.base.files import say_kept
from explorer.base.formatting import counted
from explorer.base.language import later, tr
from explorer.base.provenance import Recorded
from explorer.base.value import Value
from explorer.solutions.solution import Solution, load_solution
from explorer.specs.jobs import SolveSetSpec

SET_FILE = "set.json"
SCHEMA: Literal[1] = 1


class SetContext(Value):
    """What the texts of one context have in common."""

    title: str = Field(description="Where it comes from, in words.")
    source: str = Field(description="Key of its source.")
    text: str = Field("", description="What the model read; empty for gathered texts.")


class SetText(Value):
    """One target of a set."""

    context: int = Field(ge=0, description="Index of its context.")
    continuation: int = Field(ge=0, description="Index among the texts of its context.")
    target_ids: list[int] = Field(min_length=1, description="N token ids.")
    text: str = Field(description="The target, decoded.")
    title: str = Field("", description="Where it comes from, in words.")
    source: str = Field("generated", description="Key of its source.")
    sampling_seed: int | None = Field(None, description="Seed of the sampling; None: gathered.")
    sampled_in: str | None = Field(
        None, description="Number format of the sampling; None: gathered, or not noted."
    )


class Member(Value):
    """One row that is over: a solution if it is exact, else what was reached."""

    context: int
    continuation: int
    restart: int = Field(description="Index among the solutions wanted of this text.")
    attempt: int = Field(description="How many seeds were tried before.")
    seed: int
    solution: str = Field(description="Id of the solution.")
    file: str = Field(
        pattern=r"^[0-9A-Za-z_-]{1,80}\.safetensors$", description="Its file in the set's folder."
    )
    accuracy: float = Field(description="Token accuracy, with the set's final m if it is shared.")
    exact: bool
    steps: int
    seconds: float
    reason: str | None = Field(description="Why the row ended, if not by being exact.")

    @property
    def slot(self) -> tuple[int, int, int]:
        """Context, continuation and restart: what several attempts have in common."""
        return self.context, self.continuation, self.restart


class Joint(Value):
    """How a shared m was learned."""

    rows: int = Field(description="Rows that were trained jointly.")
    texts: int = Field(description="Different texts among them.")
    steps: int = Field(description="Joint optimizer steps.")
    seconds: float = Field(description="Their compute time.")
    exact: int = Field(description="Rows that were exact with the final m when they ended.")
    searched_in: str = Field("", description="Number format of their search; empty: not noted.")
    device: str = Field("", description="Kind of device; empty: not noted.")


class SetRecord(Recorded):
    """Everything in `set.json`."""

    schema_version: Literal[1] = SCHEMA
    id: str
    spec: SolveSetSpec
    fingerprint: str = Field(description="SHA-256 of the model's stored weights.")
    d_model: int
    contexts: list[SetContext] = Field(default=[])
    texts: list[SetText] = Field(default=[])
    members: list[Member] = Field(default=[], description="Rows that are over, by slot.")
    joint: Joint | None = None
    complete: bool = Field(False, description="Whether nothing more will be tried.")
    created: str
    device: str = Field("", description="Kinds of device in their order; each file has its own.")
    job: str | None = Field(None, description="Id of the job that began it; None: a shell.")
    missing: tuple[str, ...] = Field(
        (), exclude=True, description="Members whose files are gone; they are not among `members`."
    )

    @property
    def problem(self) -> str | None:
        """What is wrong with a set that has lost files, and what to do; None: nothing."""
        if not self.missing:
            return None
        if len(self.missing) == 1:
            return tr(
                "1 solution file of this set is gone ({file}); what is left is shown. Put it back "
                "from the trash, or start the set again with the same settings: it trains what is "
                "missing.",
                file=self.missing[0],
            )
        return tr(
            "{count} solution files of this set are gone ({file}, …); what is left is shown. Put "
            "them back from the trash, or start the set again with the same settings: it trains "
            "what is missing.",
            count=len(self.missing),
            file=self.missing[0],
        )

    @model_validator(mode="after")
    def _members_have_texts_and_contexts(self) -> Self:
        texts = {(text.context, text.continuation) for text in self.texts}
        if {context for context, _ in texts} - set(range(len(self.contexts))):
            raise ValueError("a text names a context that is not there")
        if {(member.context, member.continuation) for member in self.members} - texts:
            raise ValueError("a row names a text that is not there")
        return self

    @property
    def slots(self) -> list[tuple[int, int, int]]:
        """Return (context, continuation, restart) of every solution that is wanted, in order."""
        last = {text.context: text.continuation for text in self.texts}
        every = self.spec.restarts_of == "every"
        return [
            (t.context, t.continuation, restart)
            for t in self.texts
            for restart in range(
                self.spec.restarts if every or t.continuation == last[t.context] else 1
            )
        ]

    @property
    def exact(self) -> list[Member]:
        """The members that count as solutions, by context, continuation, restart."""
        return sorted((m for m in self.members if m.exact), key=lambda m: m.slot)

    @property
    def unsolved(self) -> list[tuple[int, int, int]]:
        """Slots without an exact member."""
        found = {member.slot for member in self.exact}
        return [slot for slot in self.slots if slot not in found]

    @property
    def to_try(self) -> list[tuple[int, int, int]]:
        """Slots without an exact member that have attempts left."""
        tried = Counter(member.slot for member in self.members)
        return [slot for slot in self.unsolved if tried[slot] < self.spec.attempts]

    def text_of(self, member: Member) -> SetText:
        """Return the text that a member was trained on."""
        wanted = member.context, member.continuation
        return next(t for t in self.texts if (t.context, t.continuation) == wanted)

    @property
    def name(self) -> str:
        """What a set is called in a list."""
        size = counted(len({t.context for t in self.texts}) or self.spec.contexts, "context")
        shared = tr("m free") if self.spec.regime == "free" else tr("m shared")
        return (
            f"{self.spec.model.rpartition('/')[2]}, N = {self.spec.length}, {shared}, "
            f"{size}, {counted(len(self.exact), 'solution')} ({self.id[:6]})"
        )

    @property
    def regime_in_words(self) -> str:
        """Name the regime and how m was learned, in a sentence."""
        if self.spec.regime == "free":
            return tr("m free: every solution has its own e and its own m.")
        if self.spec.m_from is not None:
            return tr(
                "m shared by the whole set, learned jointly on {count} of its texts and frozen for "
                "the others: faster, but not the paper's procedure.",
                count=self.spec.m_from,
            )
        jointly = tr("m shared: all e and one m trained jointly, the paper's default.")
        if self.joint is None or self.joint.exact == self.joint.rows:
            return jointly
        alone = tr(
            "After {steps} joint steps, {exact} of {solutions} were exact with that m; the others "
            "trained their e alone, with m frozen.",
            steps=self.joint.steps,
            exact=self.joint.exact,
            solutions=counted(self.joint.rows, "solution"),
        )
        return f"{jointly} {alone}"


@dataclass(frozen=True)
class SolutionSet:
    """A set with the vectors of its exact solutions.

    Attributes:
        record: `set.json`.
        folder: where it lies.
        members: the exact ones (or all, if asked for), by context, continuation and restart.
        solutions: their solutions, in the same order.
    """

    record: SetRecord
    folder: Path
    members: list[Member]
    solutions: list[Solution]

    def only(self, ids: list[str]) -> "SolutionSet":
        """Return the same with only those of its solutions that are named."""
        both = zip(self.members, self.solutions, strict=True)
        kept = [(member, s) for member, s in both if s.record.id in ids]
        return replace(self, members=[m for m, _ in kept], solutions=[s for _, s in kept])


def set_id(spec: SolveSetSpec, fingerprint: str) -> str:
    """Return the name of the set that a spec makes with these weights: the same spec goes on."""
    spec = spec.model_copy(update={"recipe": spec.recipe.as_recorded})
    made_of = json.dumps([SCHEMA, spec.model_dump(mode="json"), fingerprint], sort_keys=True)
    return hashlib.sha256(made_of.encode()).hexdigest()[:12]


LEARNED = "m.safetensors"
"""Below `work_of`: a shared m, and the rows that were trained with it."""
WHOLE, TEXTS, LEARNING = SET_FILE, "texts", "m"
"""Parts of a set's making: all of it, or its texts, then the shared m, then groups of rows."""
GROUP = 32
"""Rows of a group."""


def groups(record: SetRecord) -> list[str]:
    """Return the names of the groups with rows that are to be tried."""
    left, count = set(record.to_try), len(record.slots)
    names = (f"rows {k} to {min(k + GROUP, count)}" for k in range(0, count, GROUP))
    return [name for name in names if rows_of(record, name) & left]


def rows_of(record: SetRecord, group: str) -> set[tuple[int, int, int]]:
    """Return the slots of a group."""
    _, first, _, end = group.split()
    return set(record.slots[int(first) : int(end)])


def work_of(name: str) -> Path:
    """Return where the checkpoints of a set that is being built lie."""
    return folders.local() / "jobs" / f"set-{name}"


def save(record: SetRecord) -> Path:
    """Write `set.json` of a set of this machine.

    Raises:
        StorageError: if the disk refuses.
    """
    path = record.keep(folder_of(record.id) / SET_FILE)
    say_kept()
    return path


def load(folder: Path) -> SetRecord:
    """Read `set.json` of a folder; members whose files are gone are listed as `missing`.

    Raises:
        CorruptFileError: if it is missing, damaged, or of another version.
        StorageError: if the disk refuses.
    """
    try:
        record = SetRecord.model_validate_json((folder / SET_FILE).read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CorruptFileError(
            tr("The folder {folder} holds no solution set.", folder=folder)
        ) from error
    except OSError as error:  # it may be well again later
        raise StorageError(
            tr("{name} in {folder} cannot be read.", name=SET_FILE, folder=folder)
        ) from error
    except ValidationError as error:
        raise CorruptFileError(
            tr(
                "{set_file} in {folder} is damaged or of another version. Delete the set, then "
                "make it again.",
                set_file=SET_FILE,
                folder=folder,
            )
        ) from error
    gone = tuple(m.file for m in record.members if not (folder / m.file).is_file())
    left = [m for m in record.members if m.file not in gone]
    return record.model_copy(update={"members": left, "missing": gone}) if gone else record


SETS = Collection(
    noun=later("solution set"),
    place="sets",
    file=SET_FILE,
    read=lambda file: load(file.parent),
    advice=later("Make one with: python -m explorer solve-set"),
)
folder_of, find, set_folders = SETS.folder_of, SETS.find_folder, SETS.folders


def read(folder: Path, *, inexact: bool = False) -> SolutionSet:
    """Read a set with its exact solutions.

    Args:
        folder: where it lies.
        inexact: also read attempts that are not exact.

    Raises:
        CorruptFileError: if the record or a solution file cannot be read, or they disagree.
    """
    record = load(folder)
    members = record.members if inexact else record.exact
    solutions = [load_solution(folder / member.file) for member in members]
    for member, solution in zip(members, solutions, strict=True):
        if solution.record.id != member.solution:
            raise CorruptFileError(
                tr(
                    "{file} is not the solution that {set_file} names.",
                    file=member.file,
                    set_file=SET_FILE,
                )
            )
    return SolutionSet(record, folder, members, solutions)
