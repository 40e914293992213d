"""The Llama body written out: hidden states, and their gradient by the inputs, weights frozen.

transformers builds the same from some thirty small operations a layer and lets autograd repeat
them backwards. With frozen weights only the inputs need a gradient, so both directions fit on one
screen, matrix products come in few large pieces, and nothing is kept that the way back does not
read. The residual stream and the norms run in float32 in every number format: in bfloat16 the
gradient by e and m often points the wrong way (see `benchmarks/README.md`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from explorer.runtime.interruption import check

SUPPORTED = ("llama",)
"""Model types of transformers that have exactly this body."""
BLOCK = 128
"""Positions whose attention is computed at one time; none of them looks at later blocks."""


class Layer(NamedTuple):
    """Weights of one layer; matrices are of outputs by inputs, norms are float32."""

    attention_norm: Float[Tensor, " d"]
    qkv: Float[Tensor, "q+2k d"]
    out: Float[Tensor, "d q"]
    mlp_norm: Float[Tensor, " d"]
    gate_up: Float[Tensor, "2f d"]
    down: Float[Tensor, "d f"]


class Kept(NamedTuple):
    """What one layer keeps for the way back; T = rows × L positions."""

    before_attention: Float[Tensor, "T d"]
    attention_scale: Float[Tensor, "T 1"]
    q: Float[Tensor, "rows*K G L D"]
    k: Float[Tensor, "rows*K L D"]
    v: Float[Tensor, "rows*K L D"]
    weights: list[Float[Tensor, "rows*K G*block seen"]]
    before_mlp: Float[Tensor, "T d"]
    mlp_scale: Float[Tensor, "T 1"]
    gate_up: Float[Tensor, "T 2f"]


KeysValues = tuple[Float[Tensor, "rows*K seen D"], Float[Tensor, "rows*K seen D"]]
"""What one layer remembers of the positions before."""


@dataclass(frozen=True)
class Pass:
    """One forward pass: its result, what `backward` needs, and what later positions need."""

    hidden: Float[Tensor, "rows L d"]
    layers: list[Kept]
    before_norm: Float[Tensor, "T d"]
    scale: Float[Tensor, "T 1"]
    rotation: tuple[Tensor, Tensor]
    seen: list[KeysValues]


class LlamaBody:
    """Embeddings in, normalised hidden states out, for a network of transformers.

    H query heads share K key-value heads in groups of G; D is the size of a head.
    """

    def __init__(self, network: Any) -> None:
        """Join the weights that are multiplied together; the network keeps views of them."""
        config, model = network.config, network.model
        self.heads = int(config.num_attention_heads)
        self.kv_heads = int(config.num_key_value_heads)
        self.head_size = int(getattr(config, "head_dim", None) or config.hidden_size // self.heads)
        self.eps = float(config.rms_norm_eps)
        self.rotary = model.rotary_emb
        self.norm: Tensor = model.norm.weight.float()
        self.layers = [_joined(layer) for layer in model.layers]

    @staticmethod
    def supports(network: Any) -> bool:
        """Whether this is the body of `network`, by its configuration."""
        config = network.config
        return (
            config.model_type in SUPPORTED
            and config.hidden_act in ("silu", "swish")
            and not getattr(config, "attention_bias", False)
            and not getattr(config, "mlp_bias", False)
        )

    @torch.no_grad()
    def forward(
        self,
        embeddings: Float[Tensor, "rows L d"],
        dtype: torch.dtype,
        *,
        keep: bool = True,
        past: Sequence[KeysValues] | None = None,
    ) -> Pass:
        """Run every layer with causal attention; rows have equal length and see only themselves.

        Args:
            embeddings: input embeddings.
            dtype: number format of the matrix products; weights held in another are cast in use.
            keep: whether `backward` will be called.
            past: `seen` of the pass over the positions before, empty at the first; None: nothing
                follows, and nothing is remembered.
        """
        rows, L, d = embeddings.shape
        K, D = self.kv_heads, self.head_size
        G = self.heads // K
        before = past[0][0].shape[1] if past else 0
        rotation = self._rotation(before, L, embeddings.device, dtype)
        masks = _masks(before, L, G, embeddings.device, dtype)
        x = embeddings.reshape(rows * L, d).float()
        kept, seen = [], []
        for at, layer in enumerate(self.layers):
            check()
            h, attention_scale = self._normalise(x, layer.attention_norm)
            qkv = _forward(h, layer.qkv, dtype).view(rows, L, -1, D)
            q, k, v = _by_head(qkv, K, G)
            q = _rotate(q, rotation, q.new_empty(q.shape)).view(rows * K, G, L, D)
            k = _rotate(k, rotation, k.new_empty(k.shape)).view(rows * K, L, D)
            v = v.reshape(rows * K, L, D)
            if past:
                k, v = torch.cat([past[at][0], k], 1), torch.cat([past[at][1], v], 1)
            if past is not None:
                seen.append((k, v))
            said, weights = _attend(q, k, v, masks)
            said = said.view(rows, K, G, L, D).permute(0, 3, 1, 2, 4)
            after = x + _forward(said.reshape(rows * L, -1), layer.out, dtype)
            h, mlp_scale = self._normalise(after, layer.mlp_norm)
            gate_up = _forward(h, layer.gate_up, dtype)
            gate, up = gate_up.chunk(2, -1)
            if keep:
                kept.append(Kept(x, attention_scale, q, k, v, weights, after, mlp_scale, gate_up))
            x = after + _forward(F.silu(gate).mul_(up), layer.down, dtype)
        h, scale = self._normalise(x, self.norm)
        return Pass(h.to(dtype).view(rows, L, d), kept, x, scale, rotation, seen)

    @torch.no_grad()
    def backward(
        self, done: Pass, gradient: Float[Tensor, "rows L d"]
    ) -> Float[Tensor, "rows L d"]:
        """Return the gradient by the input embeddings, float32, from that by `done.hidden`."""
        rows, L, d = gradient.shape
        dtype, K, D = done.hidden.dtype, self.kv_heads, self.head_size
        G = self.heads // K
        dx = torch.zeros_like(done.before_norm)
        _normalise_backward(
            dx, gradient.reshape(rows * L, d), done.before_norm, done.scale, self.norm
        )
        for layer, kept in zip(reversed(self.layers), reversed(done.layers), strict=True):
            check()
            by_gated = _backward(dx, layer.down, dtype)
            by_gate_up = _backward(_gate_backward(by_gated, kept.gate_up), layer.gate_up, dtype)
            _normalise_backward(dx, by_gate_up, kept.before_mlp, kept.mlp_scale, layer.mlp_norm)

            by_output = _backward(dx, layer.out, dtype).view(rows, L, K, G, D)
            by_output = by_output.permute(0, 2, 3, 1, 4).reshape(rows * K, G, L, D)
            dq, dk, dv = _attend_backward(by_output, kept)
            dqkv = gradient.new_empty(rows, L, K * G + 2 * K, D, dtype=dtype)
            by_q, by_k, by_v = _by_head(dqkv, K, G)
            _rotate(dq.view(by_q.shape), done.rotation, by_q, back=True)
            _rotate(dk.view(by_k.shape), done.rotation, by_k, back=True)
            by_v.copy_(dv.view(by_v.shape))
            by_h = _backward(dqkv.view(rows * L, -1), layer.qkv, dtype)
            _normalise_backward(
                dx, by_h, kept.before_attention, kept.attention_scale, layer.attention_norm
            )
        return dx.view(rows, L, d)

    def _rotation(
        self, before: int, L: int, device: torch.device, dtype: torch.dtype
    ) -> tuple[Float[Tensor, "L D"], Float[Tensor, "L D"]]:
        """Return the network's own cosines and (signed) sines of the rotary angles."""
        positions = torch.arange(before, before + L, device=device)[None]
        cos, sin = self.rotary(torch.empty(1, dtype=dtype, device=device), positions)
        half = self.head_size // 2
        sign = torch.ones(self.head_size, dtype=dtype, device=device)
        sign[:half] = -1
        return cos[0], sin[0] * sign

    def _normalise(
        self, x: Float[Tensor, "T d"], weight: Float[Tensor, " d"]
    ) -> tuple[Float[Tensor, "T d"], Float[Tensor, "T 1"]]:
        """Return RMSNorm(x) and the factor that x was scaled by, both float32."""
        mean_square = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_() / x.shape[-1]
        scale = (mean_square + self.eps).rsqrt_()
        return (x * scale).mul_(weight), scale


def _forward(
    x: Float[Tensor, "T in"], weight: Float[Tensor, "out in"], dtype: torch.dtype
) -> Float[Tensor, "T out"]:
    """Return x W^T, multiplied in `dtype`; W held in another number format is cast in use."""
    return x.to(dtype) @ weight.to(dtype).T


def _backward(
    gradient: Float[Tensor, "T out"], weight: Float[Tensor, "out in"], dtype: torch.dtype
) -> Float[Tensor, "T in"]:
    """Return the gradient by x from that by x W^T, multiplied in `dtype`."""
    return gradient.to(dtype) @ weight.to(dtype)


def _masks(
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


def _attend(
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


def _attend_backward(
    by_output: Float[Tensor, "B G L D"], kept: Kept
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


def _normalise_backward(
    dx: Float[Tensor, "T d"],
    gradient: Float[Tensor, "T d"],
    x: Float[Tensor, "T d"],
    scale: Float[Tensor, "T 1"],
    weight: Float[Tensor, " d"],
) -> None:
    """Add the gradient by x, from that by RMSNorm(x), to dx (float32)."""
    by_unit = gradient.float() * weight
    along = torch.linalg.vecdot(by_unit, x)[:, None].mul_(scale.pow(3)).div_(x.shape[-1])
    dx.addcmul_(by_unit, scale).addcmul_(x, along, value=-1.0)


def _gate_backward(
    gradient: Float[Tensor, "T f"], gate_up: Float[Tensor, "T 2f"]
) -> Float[Tensor, "T 2f"]:
    """Return the gradient by gate and up from that by silu(gate) * up; `gradient` is used up."""
    result = torch.empty_like(gate_up)
    (gate, up), (by_gate, by_up) = gate_up.chunk(2, -1), result.chunk(2, -1)
    torch.mul(gradient, F.silu(gate), out=by_up)
    torch.ops.aten.silu_backward.grad_input(gradient.mul_(up), gate, grad_input=by_gate)
    return result


def _by_head(
    qkv: Float[Tensor, "rows L K*G+2K D"], K: int, G: int
) -> tuple[Float[Tensor, "rows K G L D"], Float[Tensor, "rows K L D"], Float[Tensor, "rows K L D"]]:
    """Return views of q, k and v, the heads before the positions."""
    q, k, v = qkv.split([K * G, K, K], 2)
    return q.unflatten(2, (K, G)).permute(0, 2, 3, 1, 4), k.transpose(1, 2), v.transpose(1, 2)


def _rotate(
    x: Float[Tensor, "... L D"],
    rotation: tuple[Float[Tensor, "L D"], Float[Tensor, "L D"]],
    turned: Float[Tensor, "... L D"],
    *,
    back: bool = False,
) -> Float[Tensor, "... L D"]:
    """Turn every pair (i, i + D/2) by its position's angle, or back; fills and returns `turned`."""
    cos, sin = rotation
    torch.mul(x, cos, out=turned)
    first, second = x.chunk(2, -1)
    parts = zip(turned.chunk(2, -1), (second, first), sin.chunk(2, -1), strict=True)
    for half, other, sine in parts:
        half.addcmul_(other, sine, value=-1.0 if back else 1.0)
    return turned


def _joined(layer: Any) -> Layer:
    """Put matrices that read the same input into one, and leave the layer views of it."""
    attention, mlp = layer.self_attn, layer.mlp
    return Layer(
        attention_norm=layer.input_layernorm.weight.float(),
        qkv=_join([attention.q_proj, attention.k_proj, attention.v_proj]),
        out=attention.o_proj.weight,
        mlp_norm=layer.post_attention_layernorm.weight.float(),
        gate_up=_join([mlp.gate_proj, mlp.up_proj]),
        down=mlp.down_proj.weight,
    )


def _join(linears: list[Any]) -> Tensor:
    whole = torch.cat([linear.weight.detach() for linear in linears])
    at = 0
    for linear in linears:
        rows = linear.weight.shape[0]
        linear.weight.data = whole[at : at + rows]
        at += rows
    return whole
