"""A measured plane: accuracy, loss and what the model says at every point of a grid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from explorer.base.collection import Collection
from explorer.base.language import later, tr
from explorer.base.tensor_files import Layout, TensorFile, TensorFormat, Tensors, all_finite
from explorer.landscape.plane import COARSEST
from explorer.paths.curves import BENDS, CurveKind
from explorer.paths.header import BetweenHeader, SolutionInfo, TextInfo, listed
from explorer.paths.places import LANDSCAPE
from explorer.paths.result import profile_layout


class LandscapeHeader(BetweenHeader):
    """What is known about a plane besides its numbers."""

    kind: CurveKind = Field(
        description="The curve. Its first bend is in the plane, another one may lie beside it."
    )
    text: TextInfo
    ends: tuple[SolutionInfo, SolutionInfo]
    level: int = Field(
        ge=0, le=12, description="The finest grid has 2**level + 1 points along each side."
    )
    reached: int = Field(
        -1, ge=-1, description="Level of the finest grid that is complete; -1: none."
    )
    points_per_second: float = Field(0.0, description="Grid points measured per second.")
    plain_per_second: float = Field(
        0.0, description="Rows per second of the model's plain forward pass, logits and no more."
    )


def _layout(header: LandscapeHeader) -> Layout:
    n, length, marks = 2**header.level + 1, len(header.text.target_ids), 2 + BENDS[header.kind]
    return {
        "points": ("f4", (marks, "d")), "marks": ("f8", (marks, 2)), "origin": ("f8", ("d",)),
        "along": ("f8", ("d",)), "across": ("f8", ("d",)), "x": ("f8", (n,)), "y": ("f8", (n,)),
        **profile_layout((n, n), length),
    }  # fmt: skip


def _problem(header: LandscapeHeader, tensors: Tensors) -> str:
    placed = header.reached <= header.level and all_finite(tensors, "points", "marks", "x", "y")
    return "" if placed else later("points that are nowhere")


FORMAT = TensorFormat(
    noun=later("a landscape"),
    key="landscape",
    header=LandscapeHeader,
    layout=_layout,
    check=_problem,
)
"""A measured plane: one tensor for each field of `Landscape`, JSON in `landscape`."""


@dataclass(frozen=True)
class Landscape(TensorFile):
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

    form = FORMAT

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
    def beside(self) -> NDArray[np.float64]:
        """How far each of `points` lies beside the plane, which goes through the first bend."""
        shadows = self.origin + self.marks @ np.stack([self.along, self.across])
        far: NDArray[np.float64] = np.linalg.norm(self.points - shadows, axis=1)
        return far

    @property
    def stride(self) -> int:
        """Distance, in the finest grid, of the points of the finest complete grid."""
        return int(2 ** (self.header.level - max(COARSEST, self.header.reached)))

    @property
    def ready(self) -> bool:
        """Whether a whole grid has been measured."""
        return self.header.reached >= COARSEST

    def same_plane(self, other: "Landscape") -> bool:
        """Whether another is of the same points."""
        return np.array_equal(self.points, other.points) and np.array_equal(self.x, other.x)

    @property
    def measured(self) -> int:
        """How many points are measured."""
        return int(np.isfinite(self.accuracy).sum())

    @property
    def share(self) -> float:
        """Points per second over rows per second of the plain forward pass."""
        return self.header.points_per_second / max(self.header.plain_per_second, 1e-9)

    @property
    def outcome(self) -> str:
        """How many points are measured, and how many a second."""
        return tr(
            "{measured} of {all} points, {pace} a second: {share} of the plain forward rate.",
            measured=f"{self.measured:,}",
            all=f"{self.accuracy.size:,}",
            pace=f"{self.header.points_per_second:.0f}",
            share=f"{self.share:.0%}",
        )


LANDSCAPES = Collection(
    noun=later("landscape"),
    place="paths",
    file=LANDSCAPE,
    read=listed(FORMAT),
    advice=later("Measure one around a pair first."),
    ships_in="landscape",
)
