"""The file of a look inside: hidden states through the lens, attention, and what was tried."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from explorer.base.collection import Collection
from explorer.base.language import later
from explorer.base.tensor_files import Layout, TensorFile, TensorFormat, Tensors
from explorer.inside.header import InsideHeader, Part, What
from explorer.paths.header import listed

FILE = "inside.safetensors"
TOP = 5
"""Tokens kept of each hidden state."""


def _layout(header: InsideHeader) -> Layout:
    S, N, L = header.layers + 1, len(header.text.target_ids), len(header.roles)
    heads, T = header.heads, len(header.trials)
    return {
        "predicted": ("i4", (S, N)), "p": ("f2", (S, N)), "rank": ("i4", (S, N)),
        "top_ids": ("i4", (S, N, TOP)), "top_p": ("f2", (S, N, TOP)), "similarity": ("f4", (S, 3)),
        "attention": ("f2", (S - 1, heads, L, L)), "plain": ("f4", (S - 1, heads)),
        "trial_predicted": ("i4", (T, N)), "trial_p": ("f2", (T, N)), "trial_rank": ("i4", (T, N)),
    }  # fmt: skip


def _problem(header: InsideHeader, _tensors: Tensors) -> str:
    N = len(header.text.target_ids)
    if not N or header.first + N > len(header.roles):
        return later("more outputs than positions")
    fitting = all(len(other.text.target_ids) == N for other in header.others)
    return "" if fitting else later("solutions of another length")


FORMAT = TensorFormat(
    noun=later("a look inside"), key="inside", header=InsideHeader, layout=_layout, check=_problem
)
"""A look inside: one tensor for each field of `Inside`, JSON in `inside`."""


@dataclass(frozen=True)
class Inside(TensorFile):
    """A look inside one solution's forward pass.

    N outputs are read, of L input positions; S = layers + 1 states of each: what goes into the
    first layer, and what comes out of every one. T passes were tried with something changed.

    Attributes:
        header: what is known besides.
        predicted: int32 (S, N), the token that each state would say (logit lens).
        p: float16 (S, N), probability of the target there.
        rank: int32 (S, N), 1 + number of tokens with a larger logit.
        top_ids: int32 (S, N, TOP), the likeliest tokens.
        top_p: float16 (S, N, TOP), their probabilities.
        similarity: float32 (S, 3), cosine between the states of any two positions that are fed the
            same vector: mean, least, greatest; NaN where there are no two.
        attention: float16 (layers, heads, L, L), how much of what a position reads (third axis)
            comes from another.
        plain: float32 (layers, heads), how much attention goes to the first position, on average
            over later ones, when the model reads the text as ordinary tokens.
        trial_predicted: int32 (T, N), what is said instead.
        trial_p: float16 (T, N), probability of the target then.
        trial_rank: int32 (T, N).
    """

    form = FORMAT

    header: InsideHeader
    predicted: NDArray[np.int32]
    p: NDArray[np.float16]
    rank: NDArray[np.int32]
    top_ids: NDArray[np.int32]
    top_p: NDArray[np.float16]
    similarity: NDArray[np.float32]
    attention: NDArray[np.float16]
    plain: NDArray[np.float32]
    trial_predicted: NDArray[np.int32]
    trial_p: NDArray[np.float16]
    trial_rank: NDArray[np.int32]

    @property
    def targets(self) -> NDArray[np.int32]:
        """The target ids, (N,)."""
        return np.array(self.header.text.target_ids, dtype=np.int32)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Where a state says its target, (S, N)."""
        return np.equal(self.predicted, self.targets)

    @property
    def trial_accuracy(self) -> NDArray[np.float64]:
        """Share of right tokens of every pass that was tried, (T,)."""
        accuracy: NDArray[np.float64] = np.equal(self.trial_predicted, self.targets).mean(1)
        return accuracy

    def trials(self, part: Part, what: What | None = None) -> list[int]:
        """Return the rows of some trials, those of one kind in the order of `at`."""
        known = self.header.trials
        rows = [k for k, t in enumerate(known) if t.part == part and what in (None, t.what)]
        return sorted(rows, key=lambda k: (known[k].what, known[k].draw, known[k].at))

    def in_format(self) -> Self:
        """Return the same with every tensor in the number format of the file."""
        return type(self)(
            self.header,
            **{
                name: np.ascontiguousarray(getattr(self, name), dtype)
                for name, (dtype, _) in _layout(self.header).items()
            },
        )


LOOKS = Collection(
    noun=later("look inside"),
    place="paths",
    file=FILE,
    read=listed(FORMAT),
    advice=later("Look inside a solution first."),
    ships_in="inside",
)
folder_of = LOOKS.folder_of
