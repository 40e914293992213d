"""One pass over a frozen model for batches of rows whose lengths differ from batch to batch.

Inputs after a row's last target position cannot be seen by earlier ones, and rows do not see each
other: what a pass says of a row is the same in any company, to rounding. Losses are summed over
rows, so a row's gradient is too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from explorer.model.graphs import Results
from explorer.model.head import TokenStatistics, measure_logits, minus_one_hot, split

if TYPE_CHECKING:
    from explorer.model.frozen import FrozenModel


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows of one length: a part of a pass.

    Attributes:
        inputs: input embeddings, float32 (rows, L, d_model); not changed.
        targets: target token ids, (rows, N).
        first: input position whose output is the first that is read, of N.
    """

    inputs: Float[Tensor, "rows L d"]
    targets: Int[Tensor, "rows N"]
    first: int = 0

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and N."""
        return len(self.targets), self.targets.shape[1]

    @property
    def span(self) -> slice:
        """The positions that are read."""
        return slice(self.first, self.first + self.targets.shape[1])


@torch.no_grad()
def measure(
    model: "FrozenModel", batches: Sequence[Batch], *, detail: bool = False
) -> list[TokenStatistics]:
    """Measure the outputs against the targets, without a gradient.

    Args:
        model: runs the pass, in its number format.
        batches: what it reads.
        detail: also measure argmax, p(target) and rank.
    """
    read = _read(_outputs(model, [batch.inputs for batch in batches]), batches)
    measured, _ = _through_head(model, read, batches, detail=detail, gradient=False)
    return split(measured, [batch.shape for batch in batches])


def loss_and_gradient(
    model: "FrozenModel", batches: Sequence[Batch], *, detail: bool = False
) -> list[tuple[TokenStatistics, Float[Tensor, "rows L d"]]]:
    """Measure the outputs against the targets and return the gradient by the inputs, float32.

    The gradient is that of the loss averaged over positions and summed over rows.

    Args:
        model: runs the pass, in its number format.
        batches: what it reads.
        detail: also measure argmax, p(target) and rank.
    """
    if model.body is not None and model.head is not None:
        return _by_body(model, batches, detail=detail)
    inputs = [b.inputs.detach().to(model.dtype).requires_grad_() for b in batches]
    with torch.enable_grad():
        read = _read(_outputs(model, inputs), batches)
    measured, by_read = _through_head(model, read.detach(), batches, detail=detail, gradient=True)
    gradients = [g.float() for g in torch.autograd.grad(read, inputs, by_read)]
    return list(zip(split(measured, [b.shape for b in batches]), gradients, strict=True))


def _by_body(
    model: "FrozenModel", batches: Sequence[Batch], *, detail: bool
) -> list[tuple[TokenStatistics, Float[Tensor, "rows L d"]]]:
    """Do so with the body written out, by a captured graph where those are switched on."""
    body, count = model.body, len(batches)
    assert body is not None

    def work(given: Sequence[Tensor]) -> Results:
        own = [
            Batch(inputs, targets, batch.first)
            for inputs, targets, batch in zip(given, given[count:], batches, strict=False)
        ]
        done = body.forward([batch.inputs for batch in own], model.dtype)
        read = _read(done.at.by_batch(done.hidden), own)
        measured, by_read = _through_head(model, read, own, detail=detail, gradient=True)
        by_output = torch.zeros_like(done.hidden)
        parts = by_read.split([rows * N for rows, N in (batch.shape for batch in own)])
        for batch, whole, part in zip(own, done.at.by_batch(by_output), parts, strict=True):
            whole[:, batch.span] = part.view(*batch.shape, -1)
        gradients = done.at.by_batch(body.backward(done, by_output))
        found = split(measured, [batch.shape for batch in own])
        return [
            [*vars(of_batch).values(), gradient]
            for of_batch, gradient in zip(found, gradients, strict=True)
        ]

    given = [*(batch.inputs for batch in batches), *(batch.targets for batch in batches)]
    firsts = tuple(batch.first for batch in batches)
    found = model.graphs.run(work, given, (firsts, detail)) if model.graphs else work(given)
    return [(TokenStatistics(*columns), gradient) for *columns, gradient in found]  # type: ignore[arg-type, misc]


def _outputs(model: "FrozenModel", inputs: Sequence[Tensor]) -> list[Float[Tensor, "rows L _"]]:
    """Return hidden states, or logits without a direct head, of each batch."""
    if model.body is not None and model.head is not None:
        done = model.body.forward(inputs, model.dtype, keep=False)
        return done.at.by_batch(done.hidden)
    longest = max(each.shape[1] for each in inputs)
    padded = torch.cat([F.pad(each, (0, 0, 0, longest - each.shape[1])) for each in inputs])
    outputs = (model.hidden if model.head is not None else model.logits)(padded)
    return list(outputs.split([len(each) for each in inputs]))


def _read(outputs: Sequence[Tensor], batches: Sequence[Batch]) -> Float[Tensor, "T _"]:
    """Return the outputs at the positions that are read, one after another."""
    return torch.cat(
        [each[:, b.span].flatten(0, 1) for each, b in zip(outputs, batches, strict=True)]
    )


@torch.no_grad()
def _through_head(
    model: "FrozenModel",
    read: Float[Tensor, "T _"],
    batches: Sequence[Batch],
    *,
    detail: bool,
    gradient: bool,
) -> tuple[TokenStatistics, Float[Tensor, "T _"]]:
    """Measure hidden states, or logits without a direct head, and go back to them."""
    targets = torch.cat([batch.targets.flatten() for batch in batches])
    if model.head is not None:
        measured, by_read = model.head.measure(read, targets, detail=detail, gradient=gradient)
    else:
        logits = read.clone() if read.dtype == torch.float32 else read.float()
        measured, p = measure_logits(logits, targets, detail=detail)
        by_read = minus_one_hot(p, targets) if gradient else None
    if by_read is None:
        return measured, read
    sizes = [rows * N for rows, N in (batch.shape for batch in batches)]
    for part, batch in zip(by_read.split(sizes), batches, strict=True):
        part.div_(batch.targets.shape[1])
    return measured, by_read.to(read.dtype)
