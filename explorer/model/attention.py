"""Causal attention with rotary positions, and the gradient by its input, weights frozen.

H query heads share K key-value heads in groups of G; D is the size of a head. B = rows × K.

Between the matrices stand batched products and a softmax, whose weights are kept: on a CPU that is
quickest. On a GPU they wait for memory, and PyTorch's fused kernel keeps no weights; which is
quicker there, `python -m benchmarks.engine --device cuda` says, and `EXPLORER_FUSED_ATTENTION=1`
switches it on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from explorer.model.mlps import Linear
from explorer.model.norms import Norm

SWITCH = "EXPLORER_FUSED_ATTENTION"
BLOCK = 128
"""Positions whose attention is computed at one time; none of them looks at later blocks."""

Rotation = tuple[Float[Tensor, "L D"], Float[Tensor, "L R"]]
"""Cosines of the angles (1 where nothing is turned), and sines of the first R of D, signed."""
Masks = list[Float[Tensor, "1 G*block seen"]]
"""What is added to the scores of each block of positions, which may see so many."""
KeysValues = tuple[Float[Tensor, "B seen D"], Float[Tensor, "B seen D"]]
"""What one layer remembers of the positions before."""


class Positions(NamedTuple):
    """What every layer of one pass is told of its T positions.

    They are those of all rows, one after another: of batches of (rows, L), whose lengths differ.
    Rotations are by L, which some angles depend on (longrope), masks by window and L; with `fused`,
    attention to all that came before, from the first position on, is left to PyTorch's kernel.
    """

    shapes: Sequence[tuple[int, int]]
    dtype: torch.dtype
    rotations: Mapping[int, Rotation]
    masks: Mapping[tuple[int | None, int], Masks]
    fused: bool = False

    def by_batch(self, whole: Float[Tensor, "T ..."]) -> list[Float[Tensor, "rows L ..."]]:
        """Return views of what all positions have, a batch each."""
        parts = whole.split([rows * L for rows, L in self.shapes])
        return [part.unflatten(0, shape) for part, shape in zip(parts, self.shapes, strict=True)]


class Kept(NamedTuple):
    """What attention keeps of a batch for the way back; keys, values of all positions seen.

    Either its weights, or what the fused kernel said, which knows its own way back.
    """

    q: Float[Tensor, "B G L D"]
    k: Float[Tensor, "B seen D"]
    v: Float[Tensor, "B seen D"]
    weights: list[Float[Tensor, "B G*block seen"]]
    turns: tuple[Any, Any]
    said: Float[Tensor, "B G L D"] | None = None


@dataclass(frozen=True)
class Turn:
    """What is done to queries, and to keys, before they meet.

    Every head's vector is normalised, if there is a norm (Qwen 3), and each pair of its components
    turned by its position's angle (RoPE).
    """

    norm: Norm | None = None

    def forward(
        self, x: Float[Tensor, "... L D"], rotation: Rotation
    ) -> tuple[Float[Tensor, "... L D"], Any]:
        """Return x turned, contiguous, and what `backward` needs."""
        kept = None
        if self.norm is not None:
            y, of_norm = self.norm.forward(x)
            x, kept = y.to(x.dtype), (x, of_norm)
        return _rotate(x, rotation, x.new_empty(x.shape)), kept

    def backward(
        self,
        gradient: Float[Tensor, "... L D"],
        rotation: Rotation,
        kept: Any,
        by_x: Float[Tensor, "... L D"],
    ) -> None:
        """Write the gradient by x, from that by the result, into `by_x`."""
        if self.norm is None:
            _rotate(gradient, rotation, by_x, backward=True)
            return
        x, of_norm = kept
        by_y = _rotate(gradient, rotation, torch.empty_like(gradient), backward=True)
        dx = torch.zeros_like(by_x, dtype=torch.float32)
        self.norm.backward(by_y, x, of_norm, dx)
        by_x.copy_(dx)


def split_apart(qkv: Float[Tensor, "rows L H+2K D"], K: int, G: int) -> tuple[Tensor, ...]:
    """Return views of q, k and v that lie one after the other, heads before positions."""
    q, k, v = qkv.split([K * G, K, K], 2)
    return q.unflatten(2, (K, G)).permute(0, 2, 3, 1, 4), k.transpose(1, 2), v.transpose(1, 2)


def split_by_head(qkv: Float[Tensor, "rows L H+2K D"], K: int, G: int) -> tuple[Tensor, ...]:
    """Return views of q, k and v that lie together head by head (GPT-NeoX), as `split_apart`."""
    q, k, v = qkv.unflatten(2, (K, G + 2)).permute(0, 2, 3, 1, 4).split([G, 1, 1], 2)
    return q, k[:, :, 0], v[:, :, 0]


@dataclass(frozen=True)
class Attention:
    """Queries, keys and values of one matrix; what they say goes through another.

    Attributes:
        qkv: matrix that gives all three.
        out: matrix for what was said.
        kv_heads: K.
        group: G, query heads of each.
        split: gives views of q (rows, K, G, L, D), k and v (rows, K, L, D) in `qkv`'s result.
        turn_q: what is done to queries.
        turn_k: what is done to keys.
        window: how many positions each one sees, itself included; None: all that came before.
    """

    qkv: Linear
    out: Linear
    kv_heads: int
    group: int
    split: Callable[[Tensor, int, int], tuple[Tensor, ...]]
    turn_q: Turn
    turn_k: Turn
    window: int | None = None

    def forward(
        self, x: Float[Tensor, "T d"], at: Positions, past: KeysValues | None
    ) -> tuple[Float[Tensor, "T d"], list[Kept]]:
        """Return the result, and of each batch what `backward` needs and later positions do.

        Only what is between the matrices knows where a row ends, so nothing is padded.
        """
        K, G = self.kv_heads, self.group
        qkv = self.qkv.forward(x, at.dtype).unflatten(1, (K * G + 2 * K, -1))
        said, kept = qkv.new_empty(len(x), K * G, qkv.shape[-1]), []
        for part, output, (rows, L) in zip(
            at.by_batch(qkv), at.by_batch(said), at.shapes, strict=True
        ):
            q, k, v = self.split(part, K, G)
            q, of_q = self.turn_q.forward(q, at.rotations[L])
            k, of_k = self.turn_k.forward(k, at.rotations[L])
            q, k, v = q.flatten(0, 1), k.flatten(0, 1), v.reshape(rows * K, L, -1)
            if past is not None:
                k, v = torch.cat([past[0], k], 1), torch.cat([past[1], v], 1)
            if at.fused and self.window is None and past is None:
                q, k, v, heard = _attend_fused(q, k, v)
                own = Kept(q, k, v, [], (of_q, of_k), heard)
            else:
                heard, weights = _attend(q, k, v, at.masks[self.window, L])
                own = Kept(q, k, v, weights, (of_q, of_k))
            heads = heard.unflatten(0, (rows, K)).permute(0, 3, 1, 2, 4)
            output.unflatten(2, (K, G)).copy_(heads)
            kept.append(own)
        return self.out.forward(said.flatten(1), at.dtype), kept

    def backward(
        self, gradient: Float[Tensor, "T d"], at: Positions, kept: Sequence[Kept]
    ) -> Float[Tensor, "T d"]:
        """Return the gradient by x from that by the result."""
        K, G = self.kv_heads, self.group
        by_said = self.out.backward(gradient, at.dtype).unflatten(1, (K, G, -1))
        by_qkv = by_said.new_empty(len(by_said), K * G + 2 * K, by_said.shape[-1])
        for part, output, own in zip(at.by_batch(by_qkv), at.by_batch(by_said), kept, strict=True):
            by_heard = output.permute(0, 2, 3, 1, 4).flatten(0, 1)
            if own.said is not None:
                dq, dk, dv = torch.autograd.grad(own.said, (own.q, own.k, own.v), by_heard)
            else:
                dq, dk, dv = _attend_backward(by_heard, own)
            by_q, by_k, by_v = self.split(part, K, G)
            rotation = at.rotations[part.shape[1]]
            self.turn_q.backward(dq.view(by_q.shape), rotation, own.turns[0], by_q)
            self.turn_k.backward(dk.view(by_k.shape), rotation, own.turns[1], by_k)
            by_v.copy_(dv.view(by_v.shape))
        return self.qkv.backward(by_qkv.flatten(1), at.dtype)


def rotation_of(
    rotary: Any, before: int, L: int, head_size: int, device: torch.device, dtype: torch.dtype
) -> Rotation:
    """Return the angles of L positions after `before`, of a network's own rotary embedding.

    It gives R of them: where that is less than the size of a head, the rest is not turned.
    """
    positions = torch.arange(before, before + L, device=device)[None]
    (cos,), (sin,) = rotary(torch.empty(1, dtype=dtype, device=device), positions)
    turned = cos.shape[-1]
    sign = torch.ones(turned, dtype=dtype, device=device)
    sign[: turned // 2] = -1
    return torch.nn.functional.pad(cos, (0, head_size - turned), value=1.0), sin * sign


def masks_of(
    before: int, L: int, G: int, window: int | None, device: torch.device, dtype: torch.dtype
) -> Masks:
    """Return what is added to the scores of each block of positions: -inf where one must not look.

    That is at later positions, and at those a window or more before. The last dimension is the
    number of positions up to the end of the block, those before the first of the L included.
    """
    blocks = max(1, round(L / BLOCK))
    ends = [L * k // blocks for k in range(blocks + 1)]
    made = []
    for start, end in pairwise(ends):
        mask = torch.full((end - start, before + end), -torch.inf, dtype=dtype, device=device)
        mask.triu_(before + start + 1)
        if window is not None and window < before + end:
            far = torch.ones_like(mask, dtype=torch.bool).tril_(before + start - window)
            mask.masked_fill_(far, -torch.inf)
        made.append(mask.repeat(G, 1)[None])
    return made


def _attend(
    q: Float[Tensor, "B G L D"],
    k: Float[Tensor, "B before+L D"],
    v: Float[Tensor, "B before+L D"],
    masks: Masks,
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


@torch.enable_grad()
def _attend_fused(
    q: Float[Tensor, "B G L D"], k: Float[Tensor, "B L D"], v: Float[Tensor, "B L D"]
) -> tuple[Tensor, Tensor, Tensor, Float[Tensor, "B G L D"]]:
    """Return the leaves of a graph, and what causal attention says of them by PyTorch's kernel."""
    q, k, v = (each.detach().requires_grad_() for each in (q, k, v))
    keys, values = (each[:, None].expand(-1, q.shape[1], -1, -1) for each in (k, v))
    attend = torch.nn.functional.scaled_dot_product_attention
    return q, k, v, attend(q, keys, values, is_causal=True)


def _attend_backward(
    by_output: Float[Tensor, "B G L D"], kept: Kept
) -> tuple[Float[Tensor, "B G L D"], Float[Tensor, "B L D"], Float[Tensor, "B L D"]]:
    """Return the gradients by q, k and v from that by what attention said."""
    B, G, _, D = by_output.shape
    dk, dv = torch.zeros_like(kept.k), torch.zeros_like(kept.v)
    by_block = []
    for weights in reversed(kept.weights):
        block, seen = weights.shape[1] // G, weights.shape[2]
        span = slice(seen - block, seen)
        by_these = by_output[:, :, span].reshape(B, G * block, D)
        by_scores = torch._softmax_backward_data(
            by_these @ kept.v[:, :seen].mT, weights, -1, weights.dtype
        ).mul_(D**-0.5)
        by_block.append((by_scores @ kept.k[:, :seen]).view(B, G, block, D))
        asking = kept.q[:, :, span].reshape(B, G * block, D)
        dk[:, :seen].baddbmm_(by_scores.mT, asking)
        dv[:, :seen].baddbmm_(weights.mT, by_these)
    return torch.cat(by_block[::-1], 2) if len(by_block) > 1 else by_block[0], dk, dv


def _rotate(
    x: Float[Tensor, "... L D"],
    rotation: Rotation,
    turned: Float[Tensor, "... L D"],
    *,
    backward: bool = False,
) -> Float[Tensor, "... L D"]:
    """Turn pairs (i, i + R/2) by their position's angle, or back; fills and returns `turned`."""
    cos, sin = rotation
    torch.mul(x, cos, out=turned)
    R = sin.shape[-1]
    first, second = x[..., :R].chunk(2, -1)
    parts = zip(turned[..., :R].chunk(2, -1), (second, first), sin.chunk(2, -1), strict=True)
    for half, other, sine in parts:
        half.addcmul_(other, sine, value=-1.0 if backward else 1.0)
    return turned
