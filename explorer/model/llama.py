"""The Llama body written out: hidden states, and their gradient by the inputs, weights frozen.

transformers builds the same from some thirty small operations a layer and lets autograd repeat
them backwards. With frozen weights only the inputs need a gradient, so both directions fit on one
screen, matrix products come in few large pieces, and nothing is kept that the way back does not
read. The residual stream and the norms run in float32 in every number format: in bfloat16 the
gradient by e and m often points the wrong way (see `benchmarks/README.md`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from explorer.model.attention import Attended, attend, attend_backward, by_head, masks, rotate
from explorer.runtime.interruption import check

SUPPORTED = ("llama",)
"""Model types of transformers that have exactly this body."""


class Layer(NamedTuple):
    """Weights of one layer; matrices are of outputs by inputs, norms are float32."""

    attention_norm: Float[Tensor, " d"]
    qkv: Float[Tensor, "q+2k d"]
    out: Float[Tensor, "d q"]
    mlp_norm: Float[Tensor, " d"]
    gate_up: Float[Tensor, "2f d"]
    down: Float[Tensor, "d f"]


class Kept(NamedTuple):
    """What one layer keeps for the way back; T positions of all rows."""

    before_attention: Float[Tensor, "T d"]
    attention_scale: Float[Tensor, "T 1"]
    attended: list[Attended]
    before_mlp: Float[Tensor, "T d"]
    mlp_scale: Float[Tensor, "T 1"]
    gate_up: Float[Tensor, "T 2f"]


KeysValues = tuple[Float[Tensor, "rows*K seen D"], Float[Tensor, "rows*K seen D"]]
"""What one layer remembers of the positions before."""


@dataclass(frozen=True)
class Pass:
    """One forward pass: its result, what `backward` needs, and what later positions need."""

    hidden: Float[Tensor, "T d"]
    shapes: list[tuple[int, int]]
    layers: list[Kept]
    before_norm: Float[Tensor, "T d"]
    scale: Float[Tensor, "T 1"]
    rotation: tuple[Tensor, Tensor]
    seen: list[KeysValues]

    def by_batch(self, whole: Float[Tensor, "T ..."]) -> list[Float[Tensor, "rows L ..."]]:
        """Return views of what all positions have, a batch each."""
        return _split(whole, self.shapes)


def _split(whole: Tensor, shapes: Sequence[tuple[int, int]]) -> list[Tensor]:
    parts = whole.split([rows * L for rows, L in shapes])
    return [part.unflatten(0, shape) for part, shape in zip(parts, shapes, strict=True)]


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
        batches: Sequence[Float[Tensor, "rows L d"]],
        dtype: torch.dtype,
        *,
        keep: bool = True,
        past: Sequence[KeysValues] | None = None,
    ) -> Pass:
        """Run every layer with causal attention; every row sees only itself.

        Lengths differ from batch to batch. Only attention knows where a row ends: all else is done
        for the positions of all rows at one time, and nothing is padded.

        Args:
            batches: input embeddings of rows of one length each.
            dtype: number format of the matrix products; weights held in another are cast in use.
            keep: whether `backward` will be called.
            past: `seen` of the pass over the positions before, empty at the first; None: nothing
                follows, and nothing is remembered. Of one batch.
        """
        shapes = [(len(batch), batch.shape[1]) for batch in batches]
        device, K, D = batches[0].device, self.kv_heads, self.head_size
        G = self.heads // K
        before = past[0][0].shape[1] if past else 0
        rotation = self._rotation(before, max(L for _, L in shapes), device, dtype)
        allowed = {L: masks(before, L, G, device, dtype) for _, L in shapes}
        x = torch.cat([batch.flatten(0, 1).float() for batch in batches])
        kept, seen = [], []
        for at, layer in enumerate(self.layers):
            check()
            h, attention_scale = self._normalise(x, layer.attention_norm)
            qkv = _forward(h, layer.qkv, dtype)
            said, attended = qkv.new_empty(len(x), K * G * D), []
            for part, output, (rows, L) in zip(
                _split(qkv, shapes), _split(said, shapes), shapes, strict=True
            ):
                q, k, v = by_head(part.unflatten(-1, (-1, D)), K, G)
                q = rotate(q, rotation, q.new_empty(q.shape)).view(rows * K, G, L, D)
                k = rotate(k, rotation, k.new_empty(k.shape)).view(rows * K, L, D)
                v = v.reshape(rows * K, L, D)
                if past:
                    k, v = torch.cat([past[at][0], k], 1), torch.cat([past[at][1], v], 1)
                if past is not None:
                    seen.append((k, v))
                answer, weights = attend(q, k, v, allowed[L])
                output.view(rows, L, K, G, D).copy_(
                    answer.view(rows, K, G, L, D).permute(0, 3, 1, 2, 4)
                )
                attended.append(Attended(q, k, v, weights))
            after = x + _forward(said, layer.out, dtype)
            h, mlp_scale = self._normalise(after, layer.mlp_norm)
            gate_up = _forward(h, layer.gate_up, dtype)
            gate, up = gate_up.chunk(2, -1)
            if keep:
                kept.append(Kept(x, attention_scale, attended, after, mlp_scale, gate_up))
            x = after + _forward(F.silu(gate).mul_(up), layer.down, dtype)
        h, scale = self._normalise(x, self.norm)
        return Pass(h.to(dtype), shapes, kept, x, scale, rotation, seen)

    @torch.no_grad()
    def backward(self, done: Pass, gradient: Float[Tensor, "T d"]) -> Float[Tensor, "T d"]:
        """Return the gradient by the input embeddings, float32, from that by `done.hidden`."""
        dtype, K, D = done.hidden.dtype, self.kv_heads, self.head_size
        G = self.heads // K
        dx = torch.zeros_like(done.before_norm)
        _normalise_backward(dx, gradient, done.before_norm, done.scale, self.norm)
        for layer, kept in zip(reversed(self.layers), reversed(done.layers), strict=True):
            check()
            by_gated = _backward(dx, layer.down, dtype)
            by_gate_up = _backward(_gate_backward(by_gated, kept.gate_up), layer.gate_up, dtype)
            _normalise_backward(dx, by_gate_up, kept.before_mlp, kept.mlp_scale, layer.mlp_norm)

            by_said = done.by_batch(_backward(dx, layer.out, dtype))
            dqkv = gradient.new_empty(len(dx), (K * G + 2 * K) * D, dtype=dtype)
            for part, by_output, attended, (rows, L) in zip(
                done.by_batch(dqkv), by_said, kept.attended, done.shapes, strict=True
            ):
                by_heads = by_output.view(rows, L, K, G, D).permute(0, 2, 3, 1, 4)
                dq, dk, dv = attend_backward(by_heads.reshape(rows * K, G, L, D), attended)
                by_q, by_k, by_v = by_head(part.unflatten(-1, (-1, D)), K, G)
                rotate(dq.view(by_q.shape), done.rotation, by_q, back=True)
                rotate(dk.view(by_k.shape), done.rotation, by_k, back=True)
                by_v.copy_(dv.view(by_v.shape))
            by_h = _backward(dqkv, layer.qkv, dtype)
            _normalise_backward(
                dx, by_h, kept.before_attention, kept.attention_scale, layer.attention_norm
            )
        return dx

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
