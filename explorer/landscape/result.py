"""A measured plane: accuracy, loss and what the model says at every point of a grid."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from safetensors import SafetensorError
from safetensors.numpy import save

from explorer.base.errors import CorruptFileError
from explorer.base.files import write_atomically
from explorer.base.provenance import Versions
from explorer.base.tensor_files import opened
from explorer.base.value import Value
from explorer.landscape.plane import COARSEST
from explorer.paths.curves import BENDS, CurveKind
from explorer.paths.header import SolutionInfo, TextInfo
from explorer.specs.arrangements import ArrangementKey


class LandscapeHeader(Value):
    """What is known about a plane besides its numbers."""

    schema_version: int = 1
    model: str = Field(description="Name of the model, as `--model` takes it.")
    fingerprint: str = Field(description="SHA-256 of the model's stored weights.")
    arrangement: ArrangementKey
    kind: CurveKind = Field(description="The curve whose bends lie in or near the plane.")
    text: TextInfo
    ends: tuple[SolutionInfo, SolutionInfo]
    level: int = Field(
        ge=0, le=12, description="The finest grid has 2**level + 1 points along each side."
    )
    reached: int = Field(
        -1, ge=-1, description="Level of the finest grid that is complete; -1: none."
    )
    pieces: dict[int, str] = Field(default={}, description="What every token id in it says.")
    confirmed_in: str = "float32"
    device: str = "cpu"
    versions: Versions = Field({}, description="Of explorer, torch and transformers.")
    seconds: float = Field(0.0, description="Compute time so far.")
    points_per_second: float = Field(0.0, description="Grid points measured per second.")
    plain_per_second: float = Field(
        0.0, description="Rows per second of the model's plain forward pass, logits and no more."
    )
    created: str = Field("", description="UTC time, ISO 8601.")
    job: str | None = None


@dataclass(frozen=True)
class Landscape:
    """A plane through two solutions, measured on a grid whose complete part grows finer.

    Attributes:
        header: what is known besides.
        points: float32 (2 + bends, 2 d_model): solution, bends, solution.
        marks: float64 (2 + bends, 2), their coordinates in the plane.
        origin, along, across: float64 (2 d_model,), the plane; both axes are unit vectors.
        x: float64 (n,), distances along the chord.
        y: float64 (n,), distances at right angles to it.
        accuracy: float32 (n, n), row by y, column by x; NaN where not measured yet.
        loss: float32 (n, n), mean cross-entropy, nats; NaN where not measured yet.
        predicted: int32 (n, n, N), argmax at each position.
        p: float16 (n, n, N), probability of the target.
        rank: int32 (n, n, N), 1 + number of tokens with a larger logit.
    """

    header: LandscapeHeader
    points: NDArray[np.float32]
    marks: NDArray[np.float64]
    origin: NDArray[np.float64]
    along: NDArray[np.float64]
    across: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    accuracy: NDArray[np.float32]
    loss: NDArray[np.float32]
    predicted: NDArray[np.int32]
    p: NDArray[np.float16]
    rank: NDArray[np.int32]

    @property
    def stride(self) -> int:
        """Distance, in the finest grid, of the points of the finest complete grid."""
        return int(2 ** (self.header.level - max(COARSEST, self.header.reached)))

    @property
    def ready(self) -> bool:
        """Whether a whole grid has been measured."""
        return self.header.reached >= COARSEST

    def save(self, path: Path) -> Path:
        """Write everything as one safetensors file.

        Raises:
            StorageError: if the disk refuses.
        """
        tensors = {
            f.name: np.ascontiguousarray(getattr(self, f.name))
            for f in fields(self)
            if f.name != "header"
        }
        return write_atomically(path, save(tensors, {"landscape": self.header.model_dump_json()}))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file written by `save`.

        Raises:
            CorruptFileError: if it is missing, damaged, or not a landscape.
        """
        try:
            with opened(path) as file:
                header = LandscapeHeader.model_validate_json((file.metadata() or {})["landscape"])
                names = [f.name for f in fields(cls) if f.name != "header"]
                tensors: dict[str, Any] = {name: file.get_tensor(name) for name in names}
            n, length = 2**header.level + 1, len(header.text.target_ids)
            marks, d = 2 + BENDS[header.kind], len(tensors["origin"])
            shapes = {
                "points": (marks, d), "marks": (marks, 2), "origin": (d,), "along": (d,),
                "across": (d,),
                "accuracy": (n, n), "loss": (n, n), "x": (n,), "y": (n,),
                "predicted": (n, n, length), "p": (n, n, length), "rank": (n, n, length),
            }  # fmt: skip
            if any(tensors[name].shape != shape for name, shape in shapes.items()):
                raise ValueError("tensors of unexpected shapes")
            places = (tensors[name] for name in ("points", "marks", "x", "y"))
            if header.reached > header.level or not all(np.isfinite(p).all() for p in places):
                raise ValueError("points that are nowhere")
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise CorruptFileError(
                f"{path.name} is missing, damaged or not a landscape; make it again."
            ) from error
        return cls(header, **tensors)
