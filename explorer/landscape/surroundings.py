"""What a walk away from one solution found: accuracy by distance, and the radius."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from explorer.base.collection import Collection
from explorer.base.formatting import counted
from explorer.base.language import later, tr
from explorer.base.tensor_files import TensorFile, TensorFormat, all_finite
from explorer.paths.header import MeasuredHeader
from explorer.paths.places import RADIUS


class SurroundingsHeader(MeasuredHeader):
    """What is known about a walk besides its numbers."""

    solution: str = Field(description="Id of the solution.")
    solution_seed: int = Field(description="The seed of its restart.")
    text: str = Field(description="Its target, decoded.")
    norm: float = Field(gt=0, lt=1e30, description="Norm of [e; m] at the solution.")
    seed: int = Field(description="Seed of the directions.")
    seconds: float = 0.0


FORMAT: TensorFormat[SurroundingsHeader] = TensorFormat(
    noun=later("a walk around a solution"),
    key="radius",
    header=SurroundingsHeader,
    layout=lambda _: {
        "distances": ("f8", ("points",)),
        "accuracy": ("f4", ("directions", "points")),
        "radius": ("f8", ("directions",)),
    },
    check=lambda _, tensors: (
        "" if all_finite(tensors, "distances") else later("distances of nowhere")
    ),
)
"""A walk away from a solution: one tensor for each field of `Surroundings`, JSON in `radius`."""


@dataclass(frozen=True)
class Surroundings(TensorFile):
    """Accuracy around one solution in K random directions.

    Attributes:
        header: what is known besides.
        distances: float64 (P,), from 0, in the space of [e; m].
        accuracy: float32 (K, P).
        radius: float64 (K,), the distance at which accuracy first falls below 0.99, found by
            doubling and halving, good to 1 part in 256; NaN where it never fell.
    """

    form = FORMAT

    header: SurroundingsHeader
    distances: NDArray[np.float64]
    accuracy: NDArray[np.float32]
    radius: NDArray[np.float64]

    @property
    def median(self) -> float | None:
        """Median radius; None where accuracy never fell in at least half of the directions."""
        middle = float(np.median(np.where(np.isnan(self.radius), np.inf, self.radius)))
        return middle if np.isfinite(middle) else None

    @property
    def sentence(self) -> str:
        """The result in one line."""
        directions = counted(len(self.radius), "direction")
        if self.median is None:
            return tr(
                "In {stayed} of {directions} accuracy stayed at 0.99 or more at every distance "
                "tried, so the median radius is larger than that.",
                stayed=int(np.isnan(self.radius).sum()),
                directions=directions,
            )
        share = self.median / self.header.norm
        return tr(
            "Median radius {median} over {directions}, {share} of the solution's own norm.",
            median=f"{self.median:.3g}",
            directions=directions,
            share=f"{share:.1%}",
        )


WALKS = Collection(
    noun=later("walk around a solution"),
    place="paths",
    file=RADIUS,
    read=FORMAT.read_header,
    advice=later("Measure one around a solution first."),
    ships_in="landscape",
)
