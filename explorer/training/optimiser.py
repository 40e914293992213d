"""AdamW over a table of vectors, each with its own moments, step count and rate."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from explorer.specs.recipes import Recipe
from explorer.specs.schedules import scheduled

LEAST_EASE = 0.02
"""Loss, as a share of `ease_below`, under which the rate falls no further."""


def rate(recipe: Recipe, step: int, unit: float, loss: float = math.inf) -> float:
    """Return the learning rate of the search at `step` (0 is the first update).

    As the recipe schedules it. Where the recipe eases, the rate also falls with the square root of
    the row's own loss: far from a solution large steps are the quickest way, close to one they
    overshoot.

    Args:
        recipe: its `lr`, `lr_unit`, `warmup_steps`, `schedule`, `ease_below`, `max_steps`.
        step: steps since the row's own start.
        unit: the model's mean embedding standard deviation.
        loss: the row's mean cross-entropy, nats.
    """
    full = recipe.lr * (unit if recipe.lr_unit == "embedding std" else 1.0)
    if recipe.ease_below is not None:
        full *= math.sqrt(min(1.0, max(LEAST_EASE, loss / recipe.ease_below)))
    return scheduled(full, recipe.schedule, step, recipe.max_steps, recipe.warmup_steps)


def finish_rate(recipe: Recipe, unit: float) -> float | None:
    """Return the rate of the last float32 steps, or None when the search's rate goes on."""
    if recipe.finish_lr is None:
        return None
    return recipe.finish_lr * (unit if recipe.lr_unit == "embedding std" else 1.0)


def _log(beta: float) -> float:
    return math.log(beta) if beta > 0 else -math.inf


class VectorAdamW:
    """AdamW (Loshchilov & Hutter) for V independent vectors in one table.

    The same numbers as `torch.optim.AdamW` with one parameter group for each vector; vectors may
    start, rest and end at different times.

    Attributes:
        mean: float32 (V, d), decayed mean of the gradient.
        square: float32 (V, d), decayed mean of its square.
        count: int64 (V,), updates since the moments were last reset.
    """

    def __init__(self, recipe: Recipe, vectors: int, d_model: int, device: torch.device) -> None:
        self.recipe = recipe
        self.mean = torch.zeros(vectors, d_model, device=device)
        self.square = torch.zeros(vectors, d_model, device=device)
        self.count = torch.zeros(vectors, dtype=torch.int64, device=device)

    def reset(self, which: Int[Tensor, " n"]) -> None:
        """Forget the moments of some vectors."""
        self.mean[which] = 0
        self.square[which] = 0
        self.count[which] = 0

    def update(
        self,
        vectors: Float[Tensor, "V d"],
        which: Int[Tensor, " n"],
        gradient: Float[Tensor, "n d"],
        lr: Float[Tensor, " n"],
    ) -> None:
        """Move `vectors[which]` one step, in place.

        Args:
            vectors: the whole table.
            which: rows of the table to move, each once.
            gradient: their gradients.
            lr: their learning rates.
        """
        r = self.recipe
        norm = gradient.norm(dim=-1, keepdim=True).clamp_min(1e-30)
        if r.flatten:
            gradient, norm = gradient / norm**r.flatten, norm ** (1 - r.flatten)
        if r.clip is not None:
            gradient = gradient * (r.clip / norm).clamp_max(1.0)
        self.count[which] += 1
        mean = self.mean[which].lerp_(gradient, 1 - r.beta1)
        square = self.square[which].mul_(r.beta2).addcmul_(gradient, gradient, value=1 - r.beta2)
        self.mean[which], self.square[which] = mean, square
        count = self.count[which].float()[:, None]
        unbias_mean = -torch.expm1(count * _log(r.beta1))  # 1 - beta^count; MPS has no float64
        unbias_square = -torch.expm1(count * _log(r.beta2))
        denominator = (square / unbias_square).sqrt_().add_(r.eps)
        rate = lr[:, None]
        vectors[which] = (
            vectors[which] * (1 - rate * r.weight_decay) - rate * (mean / unbias_mean) / denominator
        )
