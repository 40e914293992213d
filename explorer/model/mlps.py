"""Matrices, and the MLPs made of them: results, and gradients by their inputs, weights frozen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F  # noqa: N812


@dataclass(frozen=True)
class Linear:
    """x W^T + b, multiplied in any number format; W held in another is cast in use."""

    weight: Float[Tensor, "out in"]
    bias: Float[Tensor, " out"] | None

    def forward(self, x: Float[Tensor, "T in"], dtype: torch.dtype) -> Float[Tensor, "T out"]:
        """Return x W^T + b in `dtype`."""
        x, weight = x.to(dtype), self.weight.to(dtype).T
        return x @ weight if self.bias is None else torch.addmm(self.bias.to(dtype), x, weight)

    def backward(
        self, gradient: Float[Tensor, "T out"], dtype: torch.dtype
    ) -> Float[Tensor, "T in"]:
        """Return the gradient by x in `dtype` from that by the result."""
        return gradient.to(dtype) @ self.weight.to(dtype)


def linear(module: Any) -> Linear:
    """Return one of torch's layers as it is, without a copy."""
    return Linear(module.weight.detach(), module.bias)


def joined(linears: Sequence[Any]) -> Linear:
    """Put matrices that read the same input into one, and leave torch's layers views of it."""
    weight = torch.cat([linear.weight.detach() for linear in linears])
    sizes = [linear.weight.shape[0] for linear in linears]
    for linear, part in zip(linears, weight.split(sizes), strict=True):
        linear.weight.data = part
    biases = [linear.bias for linear in linears]
    return Linear(weight, None if biases[0] is None else torch.cat(biases))


class Activation(NamedTuple):
    """A function of single numbers, and the gradient through it."""

    forward: Callable[[Tensor], Tensor]
    backward: Callable[..., Tensor]
    """From the gradient and the inputs; written into `grad_input`."""


def _gelu(approximate: str) -> Activation:
    backward = torch.ops.aten.gelu_backward.grad_input
    return Activation(
        partial(F.gelu, approximate=approximate), partial(backward, approximate=approximate)
    )


_SILU = Activation(F.silu, torch.ops.aten.silu_backward.grad_input)
ACTIVATIONS = {
    "silu": _SILU,
    "swish": _SILU,
    "gelu": _gelu("none"),
    "gelu_new": _gelu("tanh"),
    "gelu_pytorch_tanh": _gelu("tanh"),
    "gelu_fast": _gelu("tanh"),
}
"""By the names that transformers has for them (`hidden_act`)."""


@dataclass(frozen=True)
class MLP:
    """Two matrices with an activation between them.

    down(act(up(x))), as GPT-NeoX has it; or gated, down(act(gate(x)) * up(x)), as Llama has it.

    Attributes:
        up: the first matrix; gated, gate and up are one.
        down: the second.
        act: the activation.
        gated: whether it is.
    """

    up: Linear
    down: Linear
    act: Activation
    gated: bool = False

    def forward(
        self, x: Float[Tensor, "T d"], dtype: torch.dtype
    ) -> tuple[Float[Tensor, "T d"], Float[Tensor, "T _"]]:
        """Return the result, and what goes into the activation (and is multiplied with it)."""
        inner = self.up.forward(x, dtype)
        if self.gated:
            gate, up = inner.chunk(2, -1)
            active = self.act.forward(gate).mul_(up)
        else:
            active = self.act.forward(inner)
        return self.down.forward(active, dtype), inner

    def backward(
        self, gradient: Float[Tensor, "T d"], kept: Float[Tensor, "T _"], dtype: torch.dtype
    ) -> Float[Tensor, "T d"]:
        """Return the gradient by x from that by the result."""
        by_active, by_inner = self.down.backward(gradient, dtype), torch.empty_like(kept)
        if self.gated:
            (gate, up), (by_gate, by_up) = kept.chunk(2, -1), by_inner.chunk(2, -1)
            torch.mul(by_active, self.act.forward(gate), out=by_up)
            self.act.backward(by_active.mul_(up), gate, grad_input=by_gate)
        else:
            self.act.backward(by_active, kept, grad_input=by_inner)
        return self.up.backward(by_inner, dtype)
