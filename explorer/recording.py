"""Recordings: how a run formed, frame by frame, small enough to play back in a browser.

While a run is going on its frames are appended to a log of fixed-size records, which any process
can read at any time; a record that is half-written is left out. When the run ends the frames
become one safetensors file beside its solutions.
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from explorer.errors import CorruptFileError, StorageError
from explorer.files import require_mine, write_atomically

MAX_FRAMES = 200
PHASES = ("search", "finish", "done", "rest")


class RecordingHeader(BaseModel):
    """What every frame of a recording shares."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = 1
    model: str
    target_ids: list[int] = Field(description="N token ids.")
    seeds: list[int] = Field(description="One for each of the K restarts.")
    d_model: int
    arrangement: str
    title: str = ""
    groups: list[tuple[int, int, str]] = Field(
        default=[], description="Target tokens that show as one: start, stop, text."
    )
    pieces: dict[int, str] = Field(
        default={}, description="What every token id in the frames says; filled in at the end."
    )

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


@dataclass(frozen=True)
class Recording:
    """A run's frames, at most `MAX_FRAMES`, in order of `step`.

    Attributes:
        header: what the frames share.
        frames: structured array (F,) of `header.frame_dtype`.
    """

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

    def save(self, path: Path) -> Path:
        """Write the frames as safetensors, one tensor for each column.

        Raises:
            StorageError: if the disk refuses.
        """
        columns = {
            name: np.ascontiguousarray(self.frames[name]) for name in self.frames.dtype.names or ()
        }
        return write_atomically(path, save(columns, {"recording": self.header.model_dump_json()}))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a recording written by `save`.

        Raises:
            CorruptFileError: if it is missing, damaged, or not a recording.
        """
        try:
            with safe_open(path, framework="numpy") as file:
                header = RecordingHeader.model_validate_json((file.metadata() or {})["recording"])
                columns = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            frames = np.zeros(len(columns["step"]), dtype=header.frame_dtype)
            for name in frames.dtype.names or ():
                if columns[name].shape != frames[name].shape:
                    raise ValueError(name)
                frames[name] = columns[name]
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise CorruptFileError(
                f"{path.name} is missing, damaged or not a recording."
            ) from error
        return cls(header, frames)


def read_header(path: Path) -> RecordingHeader:
    """Return what the frames of a recording share, without reading them.

    Raises:
        CorruptFileError: if the file is missing, cut short, or not a recording.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            return RecordingHeader.model_validate_json((file.metadata() or {})["recording"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise CorruptFileError(f"{path.name} is missing, damaged or not a recording.") from error


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
        self.path, self.live, self.header = folder / "frames.log", folder / "live", header
        self.dtype = header.frame_dtype
        self.stride = 1
        self._published = 0
        self._prefix = _prefix(header)
        existing = read_log(folder)
        if existing is not None and existing.header == header:
            kept = existing.frames
            if until is not None:
                kept = kept[kept["step"] <= until]
        else:
            kept = np.zeros(0, dtype=self.dtype)
        with contextlib.suppress(OSError):
            self.live.unlink()  # it is among those kept, if it belongs to this run
        self._count = self._published = len(kept)
        self._rewrite(kept)

    def publish(self, frame: NDArray[Any], *, last: bool = False) -> None:
        """Show `frame` (one record) as the newest, and keep every `stride`-th in the log."""
        write_atomically(self.live, frame.tobytes())
        if last or self._published % self.stride == 0:
            require_mine()
            try:
                with self.path.open("ab") as file:
                    file.write(frame.tobytes())
            except OSError as error:
                raise StorageError(
                    f"The recording cannot be written ({error.strerror}). Free some space."
                ) from error
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
    """Read what a run in progress has shown so far, or None before its first frame."""
    try:
        data = (folder / "frames.log").read_bytes()
        size = int.from_bytes(data[:8], "little")
        header = RecordingHeader.model_validate_json(data[8 : 8 + size])
    except (OSError, ValueError):
        return None
    dtype = header.frame_dtype
    body = data[8 + size :]
    frames = np.frombuffer(body[: len(body) // dtype.itemsize * dtype.itemsize], dtype=dtype)
    if with_live:
        try:
            newest = np.frombuffer((folder / "live").read_bytes(), dtype=dtype)
        except (OSError, ValueError):
            newest = frames[:0]
        if len(newest) and (not len(frames) or newest["step"][0] > frames["step"][-1]):
            frames = np.concatenate([frames, newest])
    return Recording(header, frames) if len(frames) else None


def _prefix(header: RecordingHeader) -> bytes:
    text = header.model_dump_json().encode()
    return len(text).to_bytes(8, "little") + text
