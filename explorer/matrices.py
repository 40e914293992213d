"""Products with a frozen matrix: there in the number format of the input, back also in int8."""

import time

import torch
from jaxtyping import Float
from torch import Tensor

TURNS = 4
"""How often each way back is timed after a first time; the shortest counts."""


class Matrix:
    """A frozen weight matrix W; held in another number format than asked for, it is cast in use."""

    def __init__(self, weight: Float[Tensor, "out in"]) -> None:
        self.weight = weight

    def there(self, x: Float[Tensor, "T in"], dtype: torch.dtype) -> Float[Tensor, "T out"]:
        """Return x W^T, multiplied in `dtype`."""
        return x.to(dtype) @ self.weight.to(dtype).T

    def back(self, gradient: Float[Tensor, "T out"], dtype: torch.dtype) -> Float[Tensor, "T in"]:
        """Return the gradient by x from that by x W^T, multiplied in `dtype`."""
        return gradient.to(dtype) @ self.weight.to(dtype)


class Int8BackMatrix(Matrix):
    """A matrix whose way back runs in int8: rounded once to 127ths of each column's largest weight.

    So is each position's gradient, to 127ths of its largest component: a position's result does not
    depend on the others. Products of int8 are added up in int32, without error.
    """

    def __init__(self, weight: Float[Tensor, "out in"]) -> None:
        super().__init__(weight)
        self._unit: Float[Tensor, "1 in"] = _unit(weight.float(), 0)
        self._int8 = _rounded(weight.float(), self._unit)

    def back(self, gradient: Float[Tensor, "T out"], dtype: torch.dtype) -> Float[Tensor, "T in"]:
        """Return about the gradient by x from that by x W^T: in float32, whatever `dtype` is."""
        unit = _unit(gradient, 1)
        return torch._int_mm(_rounded(gradient, unit), self._int8).mul(self._unit).mul_(unit)


def _unit(x: Float[Tensor, "a b"], along: int) -> Float[Tensor, "..."]:
    """Return a 127th of the largest size along a dimension, float32; zeros have a unit too."""
    largest = x.abs().amax(along, keepdim=True).float()
    return largest.div_(127).clamp_(min=torch.finfo(torch.float32).tiny)


def _rounded(x: Float[Tensor, "a b"], unit: Float[Tensor, "..."]) -> Tensor:
    return (x / unit).round_().to(torch.int8)


def int8_pays(device: torch.device, dtype: torch.dtype) -> bool:
    """Time the way back through a matrix of a small model's shape: is int8 clearly faster now?

    Not kept: where other programs use all processors, the many small parts of int8 take longer.

    Args:
        device: where; nothing but CPUs is tried.
        dtype: number format that it is compared with.
    """
    if device.type != "cpu":
        return False
    weight, gradient = torch.ones(3072, 576, dtype=dtype), torch.ones(100, 3072, dtype=dtype)
    try:
        plain, quick = Matrix(weight), Int8BackMatrix(weight)
        in_its_format, in_int8 = [_seconds(plain, gradient)], [_seconds(quick, gradient)]
        if in_int8[0] < 10 * in_its_format[0]:  # without instructions for it, int8 takes very long
            for _ in range(TURNS):
                in_its_format.append(_seconds(plain, gradient))
                in_int8.append(_seconds(quick, gradient))
    except (RuntimeError, AttributeError):  # not every build of torch has the product
        return False
    return min(in_int8) < 0.7 * min(in_its_format)


def _seconds(matrix: Matrix, gradient: Float[Tensor, "T out"]) -> float:
    start = time.perf_counter()
    matrix.back(gradient, gradient.dtype)
    return time.perf_counter() - start
