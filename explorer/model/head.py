"""The output head: loss, correctness and the gradient by the hidden states, a chunk at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Self

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from explorer.runtime.interruption import check

CHUNK = 512
"""Positions whose logits over the vocabulary exist at one time."""
PIECE = 32
"""Positions of a chunk that are worked on in float32 at one time on a CPU: few enough to stay in
its cache. A GPU takes the whole chunk: each piece is some twenty kernels, which are launched."""

PART = 8192
"""Tokens of the vocabulary whose weights are cast to another number format at one time.

On MPS so many are multiplied at one time: its products that sum over 32,767 and more read memory
beyond their operands in torch 2.13 (pytorch #195163), as those into a column slice fail on macOS
before 26 (#187255)."""


@dataclass(frozen=True)
class TokenStatistics:
    """What one pass says about N target positions of some rows.

    Attributes:
        loss: float32 (rows, N), cross-entropy in nats.
        correct: bool (rows, N), the target's logit is larger than every other.
        margin: float32 (rows, N), target logit minus the largest other logit.
        predicted: int64 (rows, N), argmax, or None when not asked for.
        p: float32 (rows, N), probability of the target, or None when not asked for.
        rank: int64 (rows, N), 1 + number of larger logits, or None when not asked for.
    """

    loss: Float[Tensor, "rows N"]
    correct: Bool[Tensor, "rows N"]
    margin: Float[Tensor, "rows N"]
    predicted: Int[Tensor, "rows N"] | None = None
    p: Float[Tensor, "rows N"] | None = None
    rank: Int[Tensor, "rows N"] | None = None

    def of_rows(self, rows: slice, *, detail: bool) -> Self:
        """Return what it says about some rows, in detail or not."""
        names = NAMES if detail else NAMES[:3]
        given = {name: column for name in names if (column := getattr(self, name)) is not None}
        return type(self)(**{name: column[rows] for name, column in given.items()})


NAMES = tuple(field.name for field in fields(TokenStatistics))


class Head:
    """The output matrix, applied a chunk of positions at a time.

    Logits of a whole batch never exist. The gradient of the cross-entropy by the logits is softmax
    minus one-hot; it goes back through the matrix at once, so nothing is kept either.
    """

    def __init__(
        self, weight: Float[Tensor, "vocab d"], bias: Float[Tensor, " vocab"] | None
    ) -> None:
        self.weight, self.bias = weight, bias

    def logits(self, hidden: Float[Tensor, "... d"]) -> Float[Tensor, "... vocab"]:
        """Return the logits in the hidden states' number format."""
        bias = None if self.bias is None else self.bias.to(hidden.dtype)
        if self.weight.dtype == hidden.dtype:
            return torch.nn.functional.linear(hidden, self.weight, bias)
        logits = hidden.new_empty(*hidden.shape[:-1], len(self.weight))
        for part, weight in self._in_parts(hidden.dtype):
            if hidden.device.type == "mps":
                logits[..., part] = hidden @ weight.T
            else:
                torch.matmul(hidden, weight.T, out=logits[..., part])
        return logits if bias is None else logits.add_(bias)

    def backward(self, gradient: Float[Tensor, "T vocab"]) -> Float[Tensor, "T d"]:
        """Return the gradient by hidden states from that by their logits."""
        if self.weight.dtype == gradient.dtype and gradient.device.type != "mps":
            return gradient @ self.weight
        by_hidden = gradient.new_zeros(len(gradient), self.weight.shape[1])
        for part, weight in self._in_parts(gradient.dtype):
            by_hidden.addmm_(gradient[:, part], weight)
        return by_hidden

    def _in_parts(self, dtype: torch.dtype) -> Iterator[tuple[slice, Float[Tensor, "part d"]]]:
        """Yield the matrix cast to another number format, never all of it at one time."""
        for start in range(0, len(self.weight), PART):
            part = slice(start, start + PART)
            yield part, self.weight[part].to(dtype)

    @torch.no_grad()
    def measure(
        self,
        hidden: Float[Tensor, "T d"],
        targets: Int[Tensor, " T"],
        *,
        detail: bool = False,
        gradient: bool = False,
    ) -> tuple[TokenStatistics, Float[Tensor, "T d"] | None]:
        """Measure hidden states against targets.

        Args:
            hidden: states after the final norm.
            targets: target token ids.
            detail: also measure argmax, p(target) and rank.
            gradient: also return the gradient by `hidden` of the loss summed over positions.
        """
        parts, gradients = [], []
        for chunk, wanted in zip(hidden.split(CHUNK), targets.split(CHUNK), strict=True):
            check()
            logits = self.logits(chunk)
            size = PIECE if logits.device.type == "cpu" else CHUNK
            for piece, ids in zip(logits.split(size), wanted.split(size), strict=True):
                measured, p = measure_logits(piece.float(), ids, detail=detail)
                parts.append(measured)
                if gradient:
                    piece.copy_(minus_one_hot(p, ids))
            if gradient:
                gradients.append(self.backward(logits))
        return join(parts), torch.cat(gradients) if gradient else None


@torch.no_grad()
def measure_logits(
    logits: Float[Tensor, "T vocab"], targets: Int[Tensor, " T"], *, detail: bool
) -> tuple[TokenStatistics, Float[Tensor, "T vocab"]]:
    """Measure float32 logits against targets; also return the probabilities.

    Correct means that the target's logit is larger than every other (equation 1, with ties
    counted as wrong). `logits` are used as working space and come back unchanged.
    """
    at = (torch.arange(len(targets), device=targets.device), targets)
    wanted = logits[at]
    predicted = rank = None
    if detail:  # sums of truth values are five times as fast in int32 as in int64
        rank = (logits > wanted[:, None]).sum(-1, dtype=torch.int32).long() + 1
    logits[at] = -torch.inf  # the best of the others, without a copy
    if detail:  # the largest with its place: six times as fast as argmax, but slower than without
        other, runner_up = logits.max(-1)
        predicted = torch.where(wanted > other, targets, runner_up)
    else:
        other = logits.amax(-1)
    logits[at] = wanted
    p = torch.softmax(logits, -1)
    largest = torch.maximum(wanted, other)
    loss = largest - p.amax(-1).log() - wanted  # log-sum-exp, read off the largest probability
    margin = wanted - other
    return TokenStatistics(loss, margin > 0, margin, predicted, p[at] if detail else None, rank), p


def minus_one_hot(
    p: Float[Tensor, "T vocab"], targets: Int[Tensor, " T"]
) -> Float[Tensor, "T vocab"]:
    """Turn probabilities, in place, into the gradient of the cross-entropy by the logits."""
    p[torch.arange(len(targets), device=targets.device), targets] -= 1
    return p


def join(parts: list[TokenStatistics], shape: tuple[int, ...] | None = None) -> TokenStatistics:
    """Put measurements of consecutive positions into one, in another shape if given."""

    def column(name: str) -> Tensor | None:
        values = [getattr(part, name) for part in parts]
        if values[0] is None:
            return None
        return torch.cat(values).view(shape or (-1,))

    return TokenStatistics(*(column(name) for name in NAMES))  # type: ignore[arg-type]


def split(whole: TokenStatistics, shapes: Sequence[tuple[int, int]]) -> list[TokenStatistics]:
    """Return a measurement of consecutive positions in parts of these shapes, (rows, N) each."""
    found, at = [], 0
    for rows, N in shapes:
        part = whole.of_rows(slice(at, at + rows * N), detail=True)
        found.append(join([part], (rows, N)))
        at += rows * N
    return found
