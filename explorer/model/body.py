"""A network's body written out: hidden states, and their gradient by the inputs, weights frozen.

transformers builds the same from some thirty small operations a layer and lets autograd repeat
them backwards. With frozen weights only the inputs need a gradient, so both directions of each part
fit on one screen, matrix products come in few large pieces, and nothing is kept that the way back
does not read. The residual stream and the norms run in float32 in every number format: in bfloat16
the gradient by e and m often points the wrong way (see `benchmarks/README.md`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from explorer.model.attention import Attention, KeysValues, Positions, masks_of, rotation_of
from explorer.model.mlps import MLP
from explorer.model.norms import Norm
from explorer.runtime.interruption import check


@dataclass(frozen=True)
class Kept:
    """What one layer keeps for the way back; T positions of all rows."""

    before_attention: Float[Tensor, "T d"]
    attention_norm: Sequence[Tensor]
    attention: Any
    before_mlp: Float[Tensor, "T d"]
    mlp_norm: Sequence[Tensor]
    mlp: Float[Tensor, "T _"]


@dataclass(frozen=True)
class Layer:
    """Attention and an MLP, each with the norm of what it reads.

    x and dx are the residual stream and the gradient by it, float32.

    Attributes:
        attention_norm: of what attention reads.
        attention: adds what it says to the stream.
        mlp_norm: of what the MLP reads.
        mlp: adds what it says as well.
        parallel: whether the MLP reads the stream that attention reads, as in GPT-NeoX; else what
            attention has added to is read, as in Llama.
    """

    attention_norm: Norm
    attention: Attention
    mlp_norm: Norm
    mlp: MLP
    parallel: bool = False

    def forward(
        self, x: Float[Tensor, "T d"], at: Positions, past: KeysValues | None
    ) -> tuple[Float[Tensor, "T d"], Kept]:
        """Return the stream after the layer, and what `backward` needs."""
        h, of_attention_norm = self.attention_norm.forward(x)
        said, of_attention = self.attention.forward(h, at, past)
        after = x + said
        read = x if self.parallel else after
        h, of_mlp_norm = self.mlp_norm.forward(read)
        more, of_mlp = self.mlp.forward(h, at.dtype)
        kept = Kept(x, of_attention_norm, of_attention, read, of_mlp_norm, of_mlp)
        return after + more, kept

    def backward(self, dx: Float[Tensor, "T d"], at: Positions, kept: Kept) -> None:
        """Turn dx, the gradient by the stream after the layer, into that before it."""
        by_mlp = self.mlp.backward(dx, kept.mlp, at.dtype)
        if not self.parallel:
            self.mlp_norm.backward(by_mlp, kept.before_mlp, kept.mlp_norm, dx)
        by_attention = self.attention.backward(dx, at, kept.attention)
        self.attention_norm.backward(by_attention, kept.before_attention, kept.attention_norm, dx)
        if self.parallel:
            self.mlp_norm.backward(by_mlp, kept.before_mlp, kept.mlp_norm, dx)


@dataclass(frozen=True)
class Pass:
    """One forward pass: its result, what `backward` needs, and what later positions need."""

    hidden: Float[Tensor, "T d"]
    at: Positions
    layers: list[Kept]
    before_norm: Float[Tensor, "T d"]
    norm: Sequence[Tensor]
    seen: list[KeysValues]


@dataclass(frozen=True)
class Body:
    """Embeddings in, normalised hidden states out.

    Attributes:
        layers: one after the other.
        norm: of what comes out of the last.
        head_size: D, numbers a head.
        rotary: the network's own, gives cosines and sines of the angles.
        fused: whether attention is left to PyTorch's kernel where it can be.
    """

    layers: Sequence[Layer]
    norm: Norm
    head_size: int
    rotary: Any
    fused: bool = False

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
        for the positions of all rows at one time.

        Args:
            batches: input embeddings of rows of one length each.
            dtype: number format of the matrix products; weights held in another are cast in use.
            keep: whether `backward` will be called.
            past: `seen` of the pass over the positions before, empty at the first; None: nothing
                follows, and nothing is remembered. Of one batch.
        """
        at = self._positions(batches, dtype, past[0][0].shape[1] if past else 0)
        x = torch.cat([batch.flatten(0, 1).float() for batch in batches])
        kept, seen = [], []
        for number, layer in enumerate(self.layers):
            check()
            x, of_layer = layer.forward(x, at, past[number] if past else None)
            if past is not None:
                seen.append((of_layer.attention[0].k, of_layer.attention[0].v))
            if keep:
                kept.append(of_layer)
        h, of_norm = self.norm.forward(x)
        return Pass(h.to(dtype), at, kept, x, of_norm, seen)

    @torch.no_grad()
    def backward(self, done: Pass, gradient: Float[Tensor, "T d"]) -> Float[Tensor, "T d"]:
        """Return the gradient by the input embeddings, float32, from that by `done.hidden`."""
        dx = torch.zeros_like(done.before_norm)
        self.norm.backward(gradient, done.before_norm, done.norm, dx)
        for layer, kept in zip(reversed(self.layers), reversed(done.layers), strict=True):
            check()
            layer.backward(dx, done.at, kept)
        return dx

    def _positions(self, batches: Sequence[Tensor], dtype: torch.dtype, before: int) -> Positions:
        """Say what all layers need to know of positions that follow so many before."""
        shapes = [(len(batch), batch.shape[1]) for batch in batches]
        lengths = {L for _, L in shapes}
        device, attentions = batches[0].device, [layer.attention for layer in self.layers]
        return Positions(
            shapes,
            dtype,
            {
                L: rotation_of(self.rotary, before, L, self.head_size, device, dtype)
                for L in lengths
            },
            {
                (window, L): masks_of(before, L, attentions[0].group, window, device, dtype)
                for window in {attention.window for attention in attentions}
                for L in lengths
            },
            self.fused,
        )
