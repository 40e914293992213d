"""Norms of vectors, and the gradients through them; float32 in every number format."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override


class Norm(ABC):
    """Vectors brought to one length."""

    @abstractmethod
    def forward(self, x: Float[Tensor, "... d"]) -> tuple[Float[Tensor, "... d"], Sequence[Tensor]]:
        """Return x normalised, float32, and what `backward` needs of it besides x."""

    @abstractmethod
    def backward(
        self,
        gradient: Float[Tensor, "... d"],
        x: Float[Tensor, "... d"],
        kept: Sequence[Tensor],
        dx: Float[Tensor, "... d"],
    ) -> None:
        """Add the gradient by x, from that by the normalised vectors, to dx (float32)."""


@dataclass(frozen=True)
class RMSNorm(Norm):
    """x over its root mean square, times a weight."""

    weight: Float[Tensor, " d"]
    eps: float

    @override
    def forward(self, x: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        x = x.float()
        mean_square = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_() / x.shape[-1]
        scale = (mean_square + self.eps).rsqrt_()
        return (x * scale).mul_(self.weight), (scale,)

    @override
    def backward(self, gradient: Tensor, x: Tensor, kept: Sequence[Tensor], dx: Tensor) -> None:
        (scale,), x = kept, x.float()
        by_unit = gradient.float() * self.weight
        along = torch.linalg.vecdot(by_unit, x)[..., None].mul_(scale.pow(3)).div_(x.shape[-1])
        dx.addcmul_(by_unit, scale).addcmul_(x, along, value=-1.0)


@dataclass(frozen=True)
class LayerNorm(Norm):
    """x less its mean, over its standard deviation, times a weight, plus a bias."""

    weight: Float[Tensor, " d"]
    bias: Float[Tensor, " d"]
    eps: float

    @override
    def forward(self, x: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        y, *kept = torch.native_layer_norm(
            x.float(), self.weight.shape, self.weight, self.bias, self.eps
        )
        return y, kept

    @override
    def backward(self, gradient: Tensor, x: Tensor, kept: Sequence[Tensor], dx: Tensor) -> None:
        of = self.weight.shape, *kept, self.weight, self.bias
        back = torch.ops.aten.native_layer_norm_backward
        dx += back(gradient.float(), x.float(), *of, [True, False, False])[0]
