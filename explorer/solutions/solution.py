"""The nouns: a pair of proto-tokens, what it was trained to say, and the file that holds both.

Beside it the autoregressive baseline, memory vectors: listed like solutions, never taken for one.
"""

import hashlib
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from explorer.base.errors import CorruptFileError, NoProtoTokensError
from explorer.base.formatting import counted
from explorer.base.language import later, tr
from explorer.base.provenance import Versions
from explorer.base.tensor_files import Layout as TensorLayout
from explorer.base.tensor_files import TensorFormat, Tensors, all_finite
from explorer.base.value import Value
from explorer.specs.arrangements import ARRANGEMENTS, ArrangementKey, Layout
from explorer.specs.recipes import Recipe

SCHEMA_VERSION: Literal[1] = 1
ID = r"^[0-9A-Za-z][0-9A-Za-z_-]{0,79}$"
"""What an id looks like: it names files, and stands in links."""


class TrainedRecord(Value):
    """What is known about either kind besides its tensors: the JSON under `solution` in a file."""

    # JSON has no NaN, and null would not be read as a number
    model_config = ConfigDict(ser_json_inf_nan="strings")

    schema_version: Literal[1] = SCHEMA_VERSION
    id: str = Field(
        pattern=ID, description="Hash of everything that made it, a dash, the run's own id."
    )
    made_from: str = Field(
        max_length=80, description="The hash alone: equal inputs have equal values."
    )
    model: str = Field(max_length=4_096, description="Name of the model, as `--model` takes it.")
    fingerprint: str = Field(max_length=80, description="SHA-256 of the model's stored weights.")
    recipe: Recipe
    seed: int = Field(ge=0, lt=2**63)
    text: str = Field(max_length=1_000_000, description="The target, decoded.")
    title: str = Field("", max_length=4_096, description="Where the text comes from, in words.")
    source: str = Field("own", max_length=80, description="Key of the text's source.")
    accuracy: float = Field(ge=0, le=1, description="Token accuracy in `confirmed_in`.")
    exact: bool = Field(description="Every token right.")
    c_tokens: int = Field(ge=0, description="Number of right tokens (equation 1).")
    h_lm: float = Field(description="Autoregressive cross-entropy of the text, nats (equation 2).")
    h_lm_terms: int = Field(description="Terms in that sum: N with a BOS token, else N - 1.")
    loss: float | None = Field(description="Mean cross-entropy at the saved vectors, nats.")
    steps: int = Field(ge=0, lt=2**31, description="Optimizer steps from this row's own start.")
    seconds: float = Field(
        ge=0, lt=1e9, description="Compute time of the steps that this row took part in."
    )
    tokens_per_second: float = Field(
        0.0, ge=0, lt=1e15, description="Target tokens trained per second."
    )
    confirmed_in: str = Field(
        "float32", max_length=80, description="Number format of the reported accuracy."
    )
    searched_in: str = Field("float32", max_length=80, description="Number format of the search.")
    device: str = Field("cpu", max_length=80, description="Kind of device that trained it.")
    threads: int | None = Field(
        None,
        ge=1,
        lt=2**20,
        description="Processor threads that trained it; None: not on a CPU, or not noted.",
    )
    versions: Versions = Field(
        {}, description="Of explorer, torch and transformers; empty: not noted."
    )
    reason: str | None = Field(
        None, max_length=4_096, description="Why the row ended, if not by being exact."
    )
    created: str = Field("", max_length=40, description="UTC time, ISO 8601.")
    job: str | None = Field(None, max_length=80, description="Id of the job that trained it.")


BEATEN = later("another restart is exact")
"""Why a restart ended that was still training when another became exact."""


def halted(steps: int) -> str:
    """Say why a restart ended that rested when another became exact.

    Args:
        steps: its own, after which it rested.
    """
    return f"halted after {counted(steps, 'step')}, when other restarts were ahead"


def lost(reason: str | None) -> bool:
    """Tell whether a restart ended since another one of its text was exact."""
    return reason is not None and reason.startswith((BEATEN, "halted after "))


class SolutionRecord(TrainedRecord):
    """What is known about a pair of proto-tokens."""

    kind: Literal["one-forward"] = "one-forward"
    arrangement: ArrangementKey
    sink: int | None = Field(
        None,
        ge=0,
        lt=2**31,
        exclude_if=lambda value: value is None,
        description="Id of the token before e, in an arrangement that has one.",
    )
    shared_m: bool = Field(False, description="Whether m was trained for several texts at once.")
    known_starts: str | None = Field(
        None,
        exclude_if=lambda value: value is None,
        description="Digest of the pairs that ship for the model, if it started near one of them; "
        "None: it did not, or it was not noted.",
    )

    @model_validator(mode="after")
    def _sink_goes_with_arrangement(self) -> Self:
        if (self.sink is not None) != ARRANGEMENTS[self.arrangement].has_sink:
            raise ValueError("a sink goes with an arrangement that has one, and that with a sink")
        return self


class MemoryRecord(TrainedRecord):
    """What is known about memory vectors; accuracy is that of the text generated greedily."""

    kind: Literal["autoregressive"] = "autoregressive"
    tokens_of_memory: int = Field(ge=1, lt=2**31, description="K, vectors before the text.")
    layout: Layout = Field(
        "mem",  # of files from before it had a name
        description="mem: the vectors come first; bos+mem: a token stands before them.",
    )
    sink: int | None = Field(
        None,
        ge=0,
        lt=2**31,
        description="Id of that token: BOS, or what serves where there is none.",
    )

    @model_validator(mode="after")
    def _sink_goes_with_layout(self) -> Self:
        if (self.sink is None) != (self.layout == "mem"):
            raise ValueError("a sink goes with the layout bos+mem, and that layout with a sink")
        return self

    @property
    def refusal(self) -> str:
        """Say why it cannot stand where e and m are needed."""
        return (
            f"The solution with seed {self.seed} ({self.id[:40]}) was trained as an autoregressive "
            "baseline: it has memory vectors, not e and m. Pick one that was trained for one "
            "forward pass."
        )


AnyRecord = SolutionRecord | MemoryRecord


def _kind(said: Any) -> str:
    """Return the kind that a record names; those from before there were two name none."""
    named = said.get("kind", "one-forward") if isinstance(said, dict) else said
    return named if isinstance(named, str) else "none"


def _layout(record: AnyRecord) -> TensorLayout:
    if isinstance(record, MemoryRecord):
        vectors: TensorLayout = {"mem": ("f4", (record.tokens_of_memory, "d_model"))}
    else:
        vectors = {"e": ("f4", ("d_model",)), "m": ("f4", ("d_model",))}
    return {**vectors, "target_ids": ("i8", ("N",))}


def _problem(record: AnyRecord, tensors: Tensors) -> str:
    if not all_finite(tensors, *(name for name in tensors if name != "target_ids")):
        return later("numbers that are not finite")
    return later("numbers that are no token ids") if tensors["target_ids"].min() < 0 else ""


FORMAT: TensorFormat[AnyRecord] = TensorFormat(
    noun=later("a solution"),
    key="solution",
    header=Annotated[
        Annotated[SolutionRecord, Tag("one-forward")]
        | Annotated[MemoryRecord, Tag("autoregressive")],
        Discriminator(_kind),
    ],
    layout=_layout,
    check=_problem,
    advice=later("delete it or fetch it again"),
    schema=SCHEMA_VERSION,
)
"""A file of either kind: float32 `e` and `m`, or `mem`; int64 `target_ids`; JSON in `solution`."""


class _Trained:
    """What both kinds have in common."""

    target_ids: NDArray[np.int64]

    @property
    def length(self) -> int:
        """N, the number of target tokens."""
        return len(self.target_ids)


@dataclass(frozen=True)
class Solution(_Trained):
    """A trained pair of proto-tokens with its target.

    Attributes:
        e: float32 (d_model,).
        m: float32 (d_model,).
        target_ids: int64 (N,).
        record: everything else.
    """

    e: NDArray[np.float32]
    m: NDArray[np.float32]
    target_ids: NDArray[np.int64]
    record: SolutionRecord

    @property
    def d_model(self) -> int:
        """Numbers in a vector."""
        return len(self.e)


@dataclass(frozen=True)
class Memory(_Trained):
    """Trained memory vectors with their target (Kuratov et al., E4).

    Attributes:
        mem: float32 (K, d_model).
        target_ids: int64 (N,).
        record: everything else.
    """

    mem: NDArray[np.float32]
    target_ids: NDArray[np.int64]
    record: MemoryRecord

    @property
    def d_model(self) -> int:
        """Numbers in a vector."""
        return len(self.mem[0])


def made_from(
    model: str,
    fingerprint: str,
    target_ids: NDArray[np.int64],
    arrangement: str,
    recipe: Recipe,
    seed: int,
    known_starts: str | None = None,
) -> str:
    """Return a hash of everything that determines a solution, 12 hexadecimal digits."""
    parts = {
        "schema": SCHEMA_VERSION,
        "model": model,
        "fingerprint": fingerprint,
        "target_ids": [int(i) for i in target_ids],
        "arrangement": arrangement,
        "recipe": recipe.as_recorded.model_dump(),
        "seed": seed,
    } | ({"known_starts": known_starts} if known_starts else {})
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def new_run_id() -> str:
    """Return a short random id: pressing Start twice gives two runs."""
    return uuid.uuid4().hex[:8]


def now() -> str:
    """Return the time in UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).replace(microsecond=0).isoformat()


def save_solution(solution: Solution | Memory, path: str | Path) -> Path:
    """Write one of either kind as `FORMAT`: its tensors, and its record as JSON.

    Raises:
        StorageError: if the disk refuses.
    """
    tensors = {name: value for name, value in vars(solution).items() if name != "record"}
    return FORMAT.save(Path(path), solution.record, tensors)


def load_solution(path: Path) -> Solution:
    """Read a solution file.

    Raises:
        CorruptFileError: if it is missing, damaged, or not a solution.
        NoProtoTokensError: if it holds memory vectors.
    """
    found = load(path)
    if isinstance(found, Memory):
        raise NoProtoTokensError(found.record.refusal)
    return found


def load(path: Path) -> Solution | Memory:
    """Read a file of either kind.

    Raises:
        CorruptFileError: if it is missing, damaged, or of no kind that is known.
    """
    record, tensors = FORMAT.load(path)
    _require_agreement(path, record, len(tensors["target_ids"]))
    if isinstance(record, MemoryRecord):
        return Memory(record=record, **tensors)
    return Solution(record=record, **tensors)


def read_record(path: Path) -> tuple[AnyRecord, int]:
    """Return what is known about a file of either kind and its N, without reading its tensors.

    Raises:
        CorruptFileError: if the file is missing, cut short, or not a solution.
    """
    record, lengths = FORMAT.measure(path)
    _require_agreement(path, record, lengths["N"])
    return record, lengths["N"]


def _require_agreement(path: Path, record: AnyRecord, N: int) -> None:
    """Make sure that accuracy, C_tokens, exactness and the terms of H_LM are of N tokens.

    Raises:
        CorruptFileError: if they are not.
    """
    right = record.c_tokens == round(record.accuracy * N)
    if not right or record.exact != (record.c_tokens == N) or record.h_lm_terms not in (N - 1, N):
        raise CorruptFileError(
            tr(
                "What {name} says of itself does not agree with its number of tokens.",
                name=path.name,
            )
        )
