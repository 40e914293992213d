"""Recordings: the frames of a run, small enough to play back in a browser.

While a run is going on its frames are appended to a log of fixed-size records, which any process
can read at any time; a record that is half-written is left out. When the run ends the frames
become one safetensors file beside its solutions.
"""

import contextlib
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from typing_extensions import override

from explorer.base.errors import disk_errors
from explorer.base.files import require_mine, write_atomically
from explorer.base.language import later, tr
from explorer.base.provenance import Recorded, gone_on
from explorer.base.tensor_files import MAX_HEADER, Layout, TensorFile, TensorFormat, Tensors
from explorer.specs.texts import Seed

MAX_FRAMES = 200
MAX_PREDICTIONS = 10_000_000
"""Of all restarts in a frame: ours have 131,072 at most, numpy's rows end at 2 GB."""
PHASES = ("search", "finish", "done", "rest")
LOG, LIVE = "frames.log", "live"

TokenId = Annotated[int, Field(ge=0, lt=2**31)]


class RecordingHeader(Recorded):
    """What every frame of a recording shares."""

    schema_version: Literal[1] = 1
    model: str
    target_ids: list[TokenId] = Field(min_length=1, max_length=100_000, description="N token ids.")
    seeds: list[Seed] = Field(
        min_length=1, max_length=100_000, description="One for each of the K restarts."
    )
    d_model: int = Field(ge=1, le=10_000_000)
    arrangement: str
    title: str = ""
    groups: list[tuple[int, int, str]] = Field(
        default=[], description="Target tokens that show as one: start, stop, text."
    )
    pieces: dict[int, str] = Field(
        default={}, description="What every token id in the frames says; filled in at the end."
    )

    @model_validator(mode="after")
    def _frames_are_of_a_size_that_can_be(self) -> Self:
        if len(self.seeds) * len(self.target_ids) > MAX_PREDICTIONS:
            raise ValueError("a frame holds more predictions than can be")
        return self

    def begins(self, other: Self) -> bool:
        """Whether this is the header of the same run, maybe with other versions."""
        return self.model_copy(update={"versions": other.versions}) == other

    @property
    def frame_dtype(self) -> np.dtype[Any]:
        """Layout of one frame; K restarts, N positions, d = d_model.

        step: trainer step; seconds: compute time since the start; best: index of the restart that
        has come furthest, whose e and m the frame holds. Per restart: steps, loss (nats), accuracy,
        phase (index into `PHASES`); per restart and position: predicted id, p(target), rank.
        """
        K, N, d = len(self.seeds), len(self.target_ids), self.d_model
        return np.dtype(
            [
                ("step", "<i4"),
                ("seconds", "<f4"),
                ("best", "<i4"),
                ("steps", "<i4", (K,)),
                ("loss", "<f4", (K,)),
                ("accuracy", "<f4", (K,)),
                ("phase", "u1", (K,)),
                ("predicted", "<i4", (K, N)),
                ("p", "<f2", (K, N)),
                ("rank", "<i4", (K, N)),
                ("e", "<f2", (d,)),
                ("m", "<f2", (d,)),
            ]
        )


def _layout(header: RecordingHeader) -> Layout:
    columns = header.frame_dtype
    parts = {name: columns[name] for name in columns.names or ()}
    return {name: (part.base, ("frames", *part.shape)) for name, part in parts.items()}


def _problem(header: RecordingHeader, frames: Tensors) -> str:
    """Say whether frames say something that cannot be."""
    K, N = len(header.seeds), len(header.target_ids)
    accuracy = frames["accuracy"]
    good = (
        (accuracy >= 0).all() and (accuracy <= 1).all(),
        (frames["best"] >= 0).all() and (frames["best"] < K).all(),
        (frames["steps"] >= 0).all() and (frames["phase"] < len(PHASES)).all(),
        (frames["predicted"] >= 0).all() and np.isfinite(frames["seconds"]).all(),
        all(0 <= start < stop <= N for start, stop, _ in header.groups),
    )
    return "" if all(good) else later("frames that cannot be")


FORMAT = TensorFormat(
    noun=later("a recording"),
    key="recording",
    header=RecordingHeader,
    layout=_layout,
    may_be_empty="frames",
    check=_problem,
    advice=later("delete it or fetch it again"),
)
"""A recording: one tensor for each column of `frame_dtype`, JSON in `recording`."""


@dataclass(frozen=True)
class Recording(TensorFile):
    """A run's frames, at most `MAX_FRAMES`, in order of `step`.

    Attributes:
        header: what the frames share.
        frames: structured array (F,) of `header.frame_dtype`.
    """

    form = FORMAT

    header: RecordingHeader
    frames: NDArray[Any]

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each prediction is the target, bool (F, K, N)."""
        targets = np.array(self.header.target_ids)
        right: NDArray[np.bool_] = self.frames["predicted"] == targets
        return right

    @property
    def best(self) -> int:
        """Index of the restart that came furthest: accuracy, then fewest steps, then loss."""
        last = self.frames[-1]
        done = np.where(last["accuracy"] == 1, last["steps"], 0)
        return int(
            np.lexsort((np.nan_to_num(last["loss"], nan=np.inf), done, -last["accuracy"]))[0]
        )

    def rested(self, seed: int) -> bool:
        """Whether a restart was resting when the run ended it."""
        if seed not in self.header.seeds:
            return False
        phase = self.frames["phase"][:, self.header.seeds.index(seed)]
        before = phase[phase != PHASES.index("done")]
        return len(before) > 0 and PHASES[before[-1]] == "rest"

    @override
    def tensors(self) -> dict[str, NDArray[Any]]:
        return {name: self.frames[name] for name in self.frames.dtype.names or ()}

    @classmethod
    @override
    def of(cls, header: RecordingHeader, tensors: Tensors) -> Self:
        frames = np.zeros(len(tensors["step"]), dtype=header.frame_dtype)
        for name, column in tensors.items():
            frames[name] = column
        return cls(header, frames)


class RecordingLog:
    """Appends frames of a run in progress to `frames.log` in a job's folder, thinning as it grows.

    The newest frame is also kept by itself in `live`, so that thinning never makes the live view
    coarser.
    """

    def __init__(self, folder: Path, header: RecordingHeader, *, until: int | None = None) -> None:
        """Go on with the log in `folder`, or start a new one.

        Args:
            folder: the job's.
            header: what the frames share; the log of another run is not continued.
            until: the trainer step the run goes on from; what was shown of later ones is dropped.
        """
        self.path, self.live = folder / LOG, folder / LIVE
        self.dtype = header.frame_dtype
        self.stride = 1
        existing = read_log(folder)
        if existing is not None and existing.header.begins(header):
            header = header.model_copy(update=gone_on(existing.header))
            kept = existing.frames
            if until is not None:
                kept = kept[kept["step"] <= until]
        else:
            kept = np.zeros(0, dtype=self.dtype)
        with contextlib.suppress(OSError):
            self.live.unlink()  # it is among those kept, if it belongs to this run
        self.header, self._prefix = header, _prefix(header)
        self._count = self._published = len(kept)
        self._rewrite(kept)

    def publish(self, frame: NDArray[Any], *, last: bool = False) -> None:
        """Show `frame` (one record) as the newest, and keep every `stride`-th in the log."""
        write_atomically(self.live, frame.tobytes())
        if last or self._published % self.stride == 0:
            require_mine()
            with disk_errors(tr("The recording cannot be written")), self.path.open("ab") as file:
                file.write(frame.tobytes())
            self._count += 1
            if self._count >= MAX_FRAMES:
                self._thin()
        self._published += 1

    def _thin(self) -> None:
        found = read_log(self.path.parent, with_live=False)
        if found is not None:
            self._rewrite(found.frames[::2])
            self._count = len(found.frames[::2])
        self.stride *= 2

    def _rewrite(self, frames: NDArray[Any]) -> None:
        write_atomically(self.path, self._prefix + frames.tobytes())


def read_log(folder: Path, *, with_live: bool = True) -> Recording | None:
    """Read what a run in progress has shown so far, or None before its first frame.

    Args:
        folder: the job's.
        with_live: put the frame in `live` behind those of the log, if it is newer.
    """
    try:
        with (folder / LOG).open("rb") as log:
            _, header = _read_head(log)
            data = log.read()
    except (OSError, ValueError):
        return None
    whole = len(data) - len(data) % header.frame_dtype.itemsize  # without one half-written
    frames = np.frombuffer(data[:whole], dtype=header.frame_dtype)
    live = _live_frame(folder, header) if with_live else frames[:0]
    if len(live) and (not len(frames) or live["step"][0] > frames["step"][-1]):
        frames = np.concatenate([frames, live])
    return Recording(header, frames) if len(frames) else None


def read_newest(folder: Path) -> Recording | None:
    """Read the newest frame alone of a run in progress, or None before its first.

    Of the log only the head is read, and the last record where there is no frame in `live` yet:
    it is asked for several times a second, for everybody who watches.
    """
    with contextlib.suppress(OSError, ValueError), (folder / LOG).open("rb") as log:
        head, header = _read_head(log)
        newest = _live_frame(folder, header)
        if not len(newest):
            size = header.frame_dtype.itemsize
            whole = (log.seek(0, os.SEEK_END) - len(head)) // size
            log.seek(len(head) + max(0, whole - 1) * size)
            newest = np.frombuffer(log.read(size), dtype=header.frame_dtype)
        return Recording(header, newest) if len(newest) else None
    return None


def _live_frame(folder: Path, header: RecordingHeader) -> NDArray[Any]:
    """Return the frame in `live`, or none if there is none of this run."""
    with contextlib.suppress(OSError, ValueError):
        found = np.frombuffer((folder / LIVE).read_bytes(), dtype=header.frame_dtype)
        return found[:1]
    return np.zeros(0, dtype=header.frame_dtype)


def _read_head(log: BinaryIO) -> tuple[bytes, RecordingHeader]:
    """Read the head of a log; ValueError if it is not whole."""
    length = log.read(8)
    text = log.read(min(int.from_bytes(length, "little"), MAX_HEADER))
    return length + text, _header_of(text)


@lru_cache(maxsize=64)
def _header_of(text: bytes) -> RecordingHeader:
    return RecordingHeader.model_validate_json(text)


def _prefix(header: RecordingHeader) -> bytes:
    text = header.model_dump_json().encode()
    return len(text).to_bytes(8, "little") + text
