"""What memory vectors are worth: teacher-forced, and generated greedily (Kuratov et al., E4)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from explorer.model.frozen import FrozenModel
from explorer.model.metrics import Score, scores


@dataclass(frozen=True)
class MemoryScore(Score):
    """How well K memory vectors make a model say a text token by token.

    Position by position it is that of the true tokens before, as in training; what counts is the
    text that is generated.

    Attributes:
        said: int64 (N,), what the model generates greedily from the vectors alone.
        right: bool (N,), where that is the target.
    """

    said: NDArray[np.int64]
    right: NDArray[np.bool_]

    @property
    @override
    def counted(self) -> NDArray[np.bool_]:
        return self.right


def memory_inputs(
    model: FrozenModel,
    mem: Float[Tensor, "rows K d"],
    ids: Int[Tensor, "rows N"],
    sink: int | None = None,
) -> tuple[Float[Tensor, "rows L d"], int]:
    """Return [mem_1 … mem_K, t_1 … t_(N-1)] as input embeddings, float32, and where t_1 is read.

    Args:
        model: gives the embeddings.
        mem: the vectors.
        ids: the text.
        sink: id of a token that stands before them, for models whose first position is an
            attention sink and cannot say an arbitrary token; None: the vectors come first.
    """
    parts = [mem.float(), model.embed(ids[:, :-1]).float()]
    if sink is not None:
        before = model.embed(torch.tensor([[sink]])).float()
        parts.insert(0, before.expand(len(mem), 1, -1))
    inputs = torch.cat(parts, 1)
    return inputs, inputs.shape[1] - ids.shape[1]


@torch.no_grad()
def score_memory(
    model: FrozenModel,
    mem: Float[NDArray[np.float32], "K d"],
    target_ids: Sequence[int],
    sink: int | None = None,
) -> MemoryScore:
    """Measure memory vectors, alone in a batch, in the model's number format.

    The generated text is exactly that of greedy decoding, found in fewer passes: the model reads a
    guess (first the target itself) and gives the likeliest token after each of its beginnings.
    Where guess and answer agree, both are what greedy decoding says, and so is the first token
    at which they differ; the answer is the next guess.

    Args:
        model: what reads and writes.
        mem: the vectors.
        target_ids: the text.
        sink: as for `memory_inputs`.
    """
    vectors = torch.from_numpy(np.array(mem, dtype=np.float32)).to(model.device)[None]
    targets = torch.as_tensor(np.array(target_ids), device=model.device)[None]
    guess, forced, settled = targets, None, 0
    while settled < targets.shape[1]:
        inputs, first = memory_inputs(model, vectors, guess, sink)
        measured = model.measure(inputs, targets, first, detail=True)
        assert measured.predicted is not None
        forced = forced or scores(measured)[0]
        differs = (measured.predicted[0] != guess[0]).nonzero()
        settled = int(differs[0]) + 1 if len(differs) else targets.shape[1]
        guess = measured.predicted
    assert forced is not None
    said = guess[0].cpu().numpy()
    return MemoryScore(**vars(forced), said=said, right=said == np.array(target_ids))
