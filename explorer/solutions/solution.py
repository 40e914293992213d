"""The nouns: a pair of proto-tokens, what it was trained to say, and the file that holds both.

Beside it the autoregressive baseline, memory vectors: listed like solutions, never taken for one.
"""

import contextlib
import hashlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from safetensors import SafetensorError
from safetensors.numpy import save

from explorer.base.errors import CorruptFileError, NoProtoTokensError
from explorer.base.files import write_atomically
from explorer.base.formatting import counted
from explorer.base.provenance import Versions
from explorer.base.tensor_files import opened
from explorer.specs.arrangements import ArrangementKey, Layout
from explorer.specs.recipes import Recipe

SCHEMA_VERSION: Literal[1] = 1
TENSORS = {
    "one-forward": {"e": "F32", "m": "F32", "target_ids": "I64"},
    "autoregressive": {"mem": "F32", "target_ids": "I64"},
}
"""What a file of each kind holds, in the number formats of safetensors."""


ID = r"^[0-9A-Za-z][0-9A-Za-z_-]{0,79}$"
"""What an id looks like: it names files, and stands in links."""


class _Kind(BaseModel):
    kind: Literal["one-forward", "autoregressive"] = "one-forward"


class TrainedRecord(BaseModel):
    """What is known about either kind besides its tensors: the JSON under `solution` in a file."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        ser_json_inf_nan="strings",  # JSON has no NaN, and null would not be read as a number
    )

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
    steps: int = Field(ge=0, lt=2**31, description="Optimiser steps from this row's own start.")
    seconds: float = Field(ge=0, lt=1e9, description="Wall time from the row's start to its end.")
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


BEATEN = "another restart is exact"
"""Why a restart ended that was still training when another became exact."""


def halted(steps: int) -> str:
    """Say why a restart ended that rested when another became exact.

    Args:
        steps: its own, after which it rested.
    """
    return f"halted after {counted(steps, 'step')}, when other restarts were ahead"


class SolutionRecord(TrainedRecord):
    """What is known about a pair of proto-tokens."""

    kind: Literal["one-forward"] = "one-forward"
    arrangement: ArrangementKey
    shared_m: bool = Field(False, description="Whether m was trained for several texts at once.")
    known_starts: str | None = Field(
        None,
        exclude_if=lambda value: value is None,
        description="Digest of the pairs that ship for the model, if it started near one of them; "
        "None: it did not, or it was not noted.",
    )


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


@dataclass(frozen=True)
class Solution:
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
    def length(self) -> int:
        """N, the number of target tokens."""
        return len(self.target_ids)

    @property
    def d_model(self) -> int:
        """Numbers in a vector."""
        return len(self.e)


@dataclass(frozen=True)
class Memory:
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
    def length(self) -> int:
        """N, the number of target tokens."""
        return len(self.target_ids)

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


def save_solution(solution: Solution, path: Path) -> Path:
    """Write `solution` as safetensors: tensors `e`, `m`, `target_ids`, JSON under `solution`.

    Raises:
        StorageError: if the disk refuses.
    """
    return _save(path, solution.record, solution.target_ids, e=solution.e, m=solution.m)


def save_memory(memory: Memory, path: Path) -> Path:
    """Write `memory` as safetensors: tensors `mem` and `target_ids`, JSON under `solution`.

    Raises:
        StorageError: if the disk refuses.
    """
    return _save(path, memory.record, memory.target_ids, mem=memory.mem)


def _save(
    path: Path, record: AnyRecord, target_ids: NDArray[np.int64], **vectors: NDArray[np.float32]
) -> Path:
    tensors: dict[str, NDArray[Any]] = {
        name: np.ascontiguousarray(vector, dtype=np.float32) for name, vector in vectors.items()
    }
    tensors["target_ids"] = np.ascontiguousarray(target_ids, dtype=np.int64)
    return write_atomically(path, save(tensors, {"solution": record.model_dump_json()}))


def load_solution(path: Path) -> Solution:
    """Read a solution file.

    Raises:
        CorruptFileError: if it is missing, damaged, or not a solution.
        NoProtoTokensError: if it holds memory vectors.
    """
    with _opened(path) as (file, record):
        if isinstance(record, MemoryRecord):
            raise NoProtoTokensError(record.refusal)
        e, m, target_ids = _tensors(path, file, record)
    return Solution(e, m, target_ids, record)


def load_memory(path: Path) -> Memory:
    """Read a file of memory vectors.

    Raises:
        CorruptFileError: if it is missing, damaged, or of another kind.
    """
    with _opened(path) as (file, record):
        if isinstance(record, SolutionRecord):
            raise CorruptFileError(f"{path.name} holds e and m, not memory vectors.")
        mem, target_ids = _tensors(path, file, record)
    return Memory(mem, target_ids, record)


def load(path: Path) -> Solution | Memory:
    """Read a file of either kind.

    Raises:
        CorruptFileError: if it is missing, damaged, or of no kind that is known.
    """
    record, _ = read_record(path)
    return load_memory(path) if isinstance(record, MemoryRecord) else load_solution(path)


def _tensors(path: Path, file: Any, record: AnyRecord) -> list[NDArray[Any]]:
    """Read the tensors of a kind, in its order; the target ids are the last."""
    *vectors, target_ids = (file.get_tensor(name) for name in TENSORS[record.kind])
    if not all(np.isfinite(vector).all() for vector in vectors):
        raise CorruptFileError(f"{path.name} holds numbers that are not finite.")
    if target_ids.min() < 0:
        raise CorruptFileError(f"{path.name} holds numbers that are no token ids.")
    return [*vectors, target_ids]


def read_record(path: Path) -> tuple[AnyRecord, int]:
    """Return what is known about a file of either kind and its N, without reading its tensors.

    Raises:
        CorruptFileError: if the file is missing, cut short, or not a solution.
    """
    with _opened(path) as (file, record):
        length: int = file.get_slice("target_ids").get_shape()[0]
    return record, length


def _parsed(text: str) -> AnyRecord:
    if _Kind.model_validate_json(text).kind == "autoregressive":
        return MemoryRecord.model_validate_json(text)
    return SolutionRecord.model_validate_json(text)


def _fits(record: AnyRecord, shapes: list[list[int]]) -> bool:
    """Tell whether the tensors of a kind, in its order, have the shapes they should."""
    *vectors, ids = shapes
    if len(ids) != 1 or not ids[0] or any(shape != vectors[0] for shape in vectors):
        return False
    if isinstance(record, MemoryRecord):
        return (
            len(vectors[0]) == 2 and vectors[0][0] == record.tokens_of_memory and vectors[0][1] > 0
        )
    return len(vectors[0]) == 1 and vectors[0][0] > 0


def _agrees(record: AnyRecord, N: int) -> bool:
    """Tell whether accuracy, C_tokens, exactness and the terms of H_LM are of N tokens."""
    right = record.c_tokens == round(record.accuracy * N)
    return right and record.exact == (record.c_tokens == N) and record.h_lm_terms in (N - 1, N)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, AnyRecord]]:
    """Open a file of either kind whose header is as it should be."""
    try:
        with opened(path) as file:
            record = _parsed((file.metadata() or {})["solution"])
            wanted = TENSORS[record.kind]
            if lacking := set(wanted) - set(file.keys()):
                raise CorruptFileError(f"{path.name} holds no tensor {', '.join(sorted(lacking))}.")
            slices = {name: file.get_slice(name) for name in wanted}
            if {name: part.get_dtype() for name, part in slices.items()} != wanted:
                raise CorruptFileError(f"{path.name} holds tensors of unexpected number formats.")
            if not _fits(record, [list(part.get_shape()) for part in slices.values()]):
                raise CorruptFileError(f"{path.name} holds tensors of unexpected shapes.")
            if not _agrees(record, slices["target_ids"].get_shape()[0]):
                raise CorruptFileError(
                    f"What {path.name} says of itself does not agree with its number of tokens."
                )
            yield file, record
    except FileNotFoundError as error:
        raise CorruptFileError(f"There is no file {path.name}.") from error
    except IsADirectoryError as error:
        raise CorruptFileError(f"{path.name} is a folder; name a solution file in it.") from error
    except (SafetensorError, OSError) as error:
        raise CorruptFileError(
            f"{path.name} is damaged or not a safetensors file; delete it or fetch it again."
        ) from error
    except (KeyError, ValidationError) as error:
        raise CorruptFileError(
            f"{path.name} is a safetensors file, but not a solution of this version "
            f"(schema {SCHEMA_VERSION})."
        ) from error
