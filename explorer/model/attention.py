"""Causal attention of rows of one length, there and back; and that of a network of transformers."""

from itertools import pairwise
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

BLOCK = 128
"""Positions whose attention is computed at one time; none of them looks at later blocks."""


class Attended(NamedTuple):
    """What the attention of one batch keeps for the way back."""

    q: Float[Tensor, "rows*K G L D"]
    k: Float[Tensor, "rows*K L D"]
    v: Float[Tensor, "rows*K L D"]
    weights: list[Float[Tensor, "rows*K G*block seen"]]


def masks(
    before: int, L: int, G: int, device: torch.device, dtype: torch.dtype
) -> list[Float[Tensor, "1 G*block seen"]]:
    """Return what is added to the scores of each block of positions: -inf where one would look on.

    The last dimension is the number of positions up to the end of the block, those before the
    first of the L included.
    """
    blocks = max(1, round(L / BLOCK))
    ends = [L * k // blocks for k in range(blocks + 1)]
    return [
        torch.full((end - start, before + end), -torch.inf, dtype=dtype, device=device)
        .triu_(before + start + 1)
        .repeat(G, 1)[None]
        for start, end in pairwise(ends)
    ]


def attend(
    q: Float[Tensor, "B G L D"],
    k: Float[Tensor, "B before+L D"],
    v: Float[Tensor, "B before+L D"],
    masks: list[Float[Tensor, "1 G*block seen"]],
) -> tuple[Float[Tensor, "B G L D"], list[Float[Tensor, "B G*block seen"]]]:
    """Return what causal attention says, and the weights of each block of positions."""
    B, G, L, D = q.shape
    before = k.shape[1] - L
    said, weights = [], []
    for mask in masks:
        block, seen = mask.shape[1] // G, mask.shape[2]
        end = seen - before
        asking = q[:, :, end - block : end].reshape(B, G * block, D)
        scores = torch.baddbmm(mask, asking, k[:, :seen].mT, alpha=D**-0.5)
        weights.append(torch.softmax(scores, -1))
        said.append((weights[-1] @ v[:, :seen]).view(B, G, block, D))
    return torch.cat(said, 2) if len(said) > 1 else said[0], weights


def attend_backward(
    by_output: Float[Tensor, "B G L D"], kept: Attended
) -> tuple[Float[Tensor, "B G L D"], Float[Tensor, "B L D"], Float[Tensor, "B L D"]]:
    """Return the gradients by q, k and v from that by what attention said."""
    B, G, L, D = by_output.shape
    dk, dv = torch.empty_like(kept.k), torch.empty_like(kept.v)
    by_block = []
    for weights in reversed(kept.weights):  # the last block sees all positions
        block, seen = weights.shape[1] // G, weights.shape[2]
        span = slice(seen - block, seen)
        by_these = by_output[:, :, span].reshape(B, G * block, D)
        by_scores = torch._softmax_backward_data(
            by_these @ kept.v[:, :seen].mT, weights, -1, weights.dtype
        ).mul_(D**-0.5)
        by_block.append((by_scores @ kept.k[:, :seen]).view(B, G, block, D))
        asking = kept.q[:, :, span].reshape(B, G * block, D)
        more = int(seen < L)  # the last block, which comes first, sets what the others add to
        dk[:, :seen].baddbmm_(by_scores.mT, asking, beta=more)
        dv[:, :seen].baddbmm_(weights.mT, by_these, beta=more)
    return torch.cat(by_block[::-1], 2) if len(by_block) > 1 else by_block[0], dk, dv


def by_head(
    qkv: Float[Tensor, "rows L K*G+2K D"], K: int, G: int
) -> tuple[Float[Tensor, "rows K G L D"], Float[Tensor, "rows K L D"], Float[Tensor, "rows K L D"]]:
    """Return views of q, k and v, the heads before the positions."""
    q, k, v = qkv.split([K * G, K, K], 2)
    return q.unflatten(2, (K, G)).permute(0, 2, 3, 1, 4), k.transpose(1, 2), v.transpose(1, 2)


def rotate(
    x: Float[Tensor, "... L D"],
    rotation: tuple[Float[Tensor, "longest D"], Float[Tensor, "longest D"]],
    turned: Float[Tensor, "... L D"],
    *,
    back: bool = False,
) -> Float[Tensor, "... L D"]:
    """Turn every pair (i, i + D/2) by its position's angle, or back; fills and returns `turned`."""
    cos, sin = (angles[: x.shape[-2]] for angles in rotation)
    torch.mul(x, cos, out=turned)
    first, second = x.chunk(2, -1)
    parts = zip(turned.chunk(2, -1), (second, first), sin.chunk(2, -1), strict=True)
    for half, other, sine in parts:
        half.addcmul_(other, sine, value=-1.0 if back else 1.0)
    return turned


def choose_attention(network: Any, device: torch.device) -> None:
    """Let bfloat16 attention run in float32 on the CPU, where the model allows it.

    On the CPU the backward pass of bfloat16 attention is some ten times slower than the float32
    one (3.6 against 0.3 ms a layer for 4 rows of 25), so there attention alone runs in float32.
    """
    plain = network.config._attn_implementation == "sdpa"
    if device.type != "cpu" or network.dtype == torch.float32 or not plain:
        return
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward
    from transformers.masking_utils import sdpa_mask

    def in_float32(module: Any, q: Tensor, k: Tensor, v: Tensor, *rest: Any, **options: Any) -> Any:
        out, weights = sdpa_attention_forward(
            module, q.float(), k.float(), v.float(), *rest, **options
        )
        return out.to(q.dtype), weights

    AttentionInterface.register("sdpa_float32", in_float32)
    AttentionMaskInterface.register("sdpa_float32", sdpa_mask)  # sliding windows
    network.set_attn_implementation("sdpa_float32")
