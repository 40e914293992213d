"""Norms of vectors, and the gradients through them; float32 in every number format.

A norm's `forward` returns the normalised vectors and what its `backward` needs of them besides x.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor


class Norm(Protocol):
    """Any of the norms here."""

    def forward(self, x: Float[Tensor, "... d"]) -> tuple[Float[Tensor, "... d"], Sequence[Tensor]]:
        """Return x normalised, float32, and what `backward` needs of it besides x."""

    def backward(
        self,
        gradient: Float[Tensor, "... d"],
        x: Float[Tensor, "... d"],
        kept: Sequence[Tensor],
        dx: Float[Tensor, "... d"],
    ) -> None:
        """Add the gradient by x, from that by the normalised vectors, to dx (float32)."""


@dataclass(frozen=True)
class RMSNorm:
    """x over its root mean square, times a weight."""

    weight: Float[Tensor, " d"]
    eps: float

    def forward(
        self, x: Float[Tensor, "... d"]
    ) -> tuple[Float[Tensor, "... d"], tuple[Float[Tensor, "... 1"]]]:
        """Return x normalised, and the factor that it was scaled by, both float32."""
        x = x.float()
        mean_square = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_() / x.shape[-1]
        scale = (mean_square + self.eps).rsqrt_()
        return (x * scale).mul_(self.weight), (scale,)

    def backward(
        self,
        gradient: Float[Tensor, "... d"],
        x: Float[Tensor, "... d"],
        kept: Sequence[Tensor],
        dx: Float[Tensor, "... d"],
    ) -> None:
        """Add the gradient by x, from that by the normalised vectors, to dx (float32)."""
        (scale,), x = kept, x.float()
        by_unit = gradient.float() * self.weight
        along = torch.linalg.vecdot(by_unit, x)[..., None].mul_(scale.pow(3)).div_(x.shape[-1])
        dx.addcmul_(by_unit, scale).addcmul_(x, along, value=-1.0)


@dataclass(frozen=True)
class LayerNorm:
    """x less its mean, over its standard deviation, times a weight, plus a bias."""

    weight: Float[Tensor, " d"]
    bias: Float[Tensor, " d"]
    eps: float

    def forward(self, x: Float[Tensor, "... d"]) -> tuple[Float[Tensor, "... d"], list[Tensor]]:
        """Return x normalised, and its mean and the inverse of its deviation, all float32."""
        y, *kept = torch.native_layer_norm(
            x.float(), self.weight.shape, self.weight, self.bias, self.eps
        )
        return y, kept

    def backward(
        self,
        gradient: Float[Tensor, "... d"],
        x: Float[Tensor, "... d"],
        kept: Sequence[Tensor],
        dx: Float[Tensor, "... d"],
    ) -> None:
        """Add the gradient by x, from that by the normalised vectors, to dx (float32)."""
        by_x, _, _ = torch.ops.aten.native_layer_norm_backward(
            gradient.float(), x.float(), self.weight.shape, *kept, self.weight, self.bias,
            [True, False, False],
        )  # fmt: skip
        dx.add_(by_x)
