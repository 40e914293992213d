"""Norms of vectors, and the gradients through them; float32 in every number format."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Norm:
    """RMSNorm, x over its root mean square, times a weight; or with a bias LayerNorm.

    That is x less its mean, over its standard deviation, times the weight, plus the bias.
    """

    weight: Float[Tensor, " d"]
    eps: float
    bias: Float[Tensor, " d"] | None = None

    def forward(self, x: Float[Tensor, "... d"]) -> tuple[Float[Tensor, "... d"], Sequence[Tensor]]:
        """Return x normalised, float32, and what `backward` needs of it besides x."""
        x = x.float()
        if self.bias is not None:
            shape = self.weight.shape
            y, *kept = torch.native_layer_norm(x, shape, self.weight, self.bias, self.eps)
            return y, kept
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
        gradient, x = gradient.float(), x.float()
        if self.bias is not None:
            of = self.weight.shape, *kept, self.weight, self.bias
            backward = torch.ops.aten.native_layer_norm_backward
            dx += backward(gradient, x, *of, [True, False, False])[0]
            return
        (scale,) = kept
        by_unit = gradient * self.weight
        along = torch.linalg.vecdot(by_unit, x)[..., None].mul_(scale.pow(3)).div_(x.shape[-1])
        dx.addcmul_(by_unit, scale).addcmul_(x, along, value=-1.0)
