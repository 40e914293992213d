"""Passes over a frozen model for the rows of one training or of many."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor

from explorer.base.errors import BadInputError
from explorer.model.frozen import FrozenModel
from explorer.model.head import TokenStatistics, join
from explorer.runtime.interruption import check
from explorer.training.memory import is_out_of_memory, rows_of_next_pass


class Owner(Protocol):
    """A training, as far as memory goes."""

    @property
    def rows_at_once(self) -> int:
        """How many of its rows memory allows in one pass."""

    def shrink(self, tried: int) -> None:
        """Take fewer rows at a time from here: so many were too many."""


@dataclass(frozen=True, eq=False)
class Proposal:
    """Rows of one training that have one length, for the next pass.

    Attributes:
        owner: the training.
        model: runs the pass, in its number format.
        rows: which they are, by the training's own count.
        inputs: what the model reads, float32 (n, L, d_model).
        targets: target token ids, (n, N).
        first: input position whose output is to be the first of them.
        detail: whether predicted ids, p(target) and rank are wanted.
        gradient: whether the gradient by the inputs is.
    """

    owner: Owner
    model: FrozenModel
    rows: list[int]
    inputs: Float[Tensor, "n L d"]
    targets: Int[Tensor, "n N"]
    first: int
    detail: bool = False
    gradient: bool = True


@dataclass(frozen=True, eq=False)
class Answer:
    """What a pass says about a proposal.

    Attributes:
        measured: of each row and target position.
        gradient: of each row's loss by its inputs, (n, L, d_model); None if it was not wanted.
    """

    measured: TokenStatistics
    gradient: Float[Tensor, "n L d"] | None


Said = tuple[TokenStatistics, Tensor | None]


def answer(proposals: Sequence[Proposal]) -> list[Answer]:
    """Run the model on what is proposed, as many rows in a pass as memory and speed allow.

    If memory does not suffice after all, the same rows come again, fewer at a time.

    Raises:
        BadInputError: if one row alone does not fit into memory.
        Interrupted: if somebody wants it to be left.
    """
    said: defaultdict[int, list[Said]] = defaultdict(list)
    for k, proposal in enumerate(proposals):
        at = 0
        while at < len(proposal.rows):
            check()
            left, length = len(proposal.rows) - at, proposal.targets.shape[1]
            fit = proposal.owner.rows_at_once
            part = slice(at, at + rows_of_next_pass(proposal.model.device, left, length, fit))
            try:
                said[k].append(_run(proposal, part))
                at = part.stop
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                _shrink([proposal.owner], part.stop - at, proposal.model.device)
    return [_joined(said[k]) for k in range(len(proposals))]


def _run(proposal: Proposal, part: slice) -> Said:
    inputs, targets = proposal.inputs[part], proposal.targets[part]
    model, first, detail = proposal.model, proposal.first, proposal.detail
    if proposal.gradient:
        return model.loss_and_gradient(inputs, targets, first, detail=detail)
    return model.measure(inputs, targets, first, detail=detail), None


def _joined(said: list[Said]) -> Answer:
    measured, gradients = zip(*said, strict=True)
    shape = (-1, *measured[0].loss.shape[1:])
    whole = None if gradients[0] is None else torch.cat(gradients)
    return Answer(join(list(measured), shape), whole)


def _shrink(owners: Sequence[Owner], tried: int, device: torch.device) -> None:
    if tried <= 1:
        raise BadInputError(
            "One row of this length does not fit into memory. "
            "Choose a shorter length or a smaller model."
        )
    for owner in owners:
        owner.shrink(tried)
    if device.type == "cuda":
        torch.cuda.empty_cache()
