"""Hidden states of solutions on their way from the task that reads them to the map of them."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from explorer.base.files import write_atomically


@dataclass(frozen=True)
class States:
    """Hidden states after every layer, and the solutions that they are of: sets may grow meanwhile.

    Attributes:
        after: one row a solution.
        ids: of the solutions, in the order of the rows.
    """

    after: Float[np.ndarray, "S n d"]
    ids: list[str]

    @property
    def directions(self) -> Float[np.ndarray, "S n d"]:
        """The states, each as a unit vector in float64: a map shows where they point."""
        lengths = np.linalg.norm(self.after.astype(np.float64), axis=-1, keepdims=True)
        pointing: Float[np.ndarray, "S n d"] = self.after / lengths
        return pointing

    @classmethod
    def load(cls, file: Path) -> "States":
        """Read what `save` has written."""
        with np.load(file, allow_pickle=False) as kept:
            return cls(kept["after"], kept["ids"].tolist())

    def save(self, file: Path) -> None:
        """Write to a file.

        Raises:
            StorageError: if the disk refuses.
        """
        out = io.BytesIO()
        np.savez(out, after=self.after, ids=np.array(self.ids))
        write_atomically(file, out.getvalue())
