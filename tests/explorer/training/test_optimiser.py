import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from explorer.specs.recipes import FAST, PAPER, Recipe
from explorer.training.optimiser import VectorAdamW, finish_rate, rate

D = 6
STEPS = 50


def _recipe(**fields: Any) -> Recipe:
    return Recipe.model_validate(PAPER.model_dump() | {"name": "custom"} | fields)


class Reference:
    """One vector in the hands of `torch.optim.AdamW`."""

    def __init__(self, start: Tensor, recipe: Recipe) -> None:
        self.vector = torch.nn.Parameter(start.clone())
        self.clip = recipe.clip
        self.optimiser = torch.optim.AdamW(
            [self.vector],
            lr=1.0,
            betas=(recipe.beta1, recipe.beta2),
            eps=recipe.eps,
            weight_decay=recipe.weight_decay,
        )

    def update(self, gradient: Tensor, lr: float) -> None:
        self.vector.grad = gradient.clone()
        if self.clip is not None:
            torch.nn.utils.clip_grad_norm_([self.vector], self.clip)
        self.optimiser.param_groups[0]["lr"] = lr
        self.optimiser.step()


def _moves(vector: int, step: int) -> bool:
    """Vector 1 starts at step 11; vector 2 rests from 20 to 34; vector 3 ends after 29."""
    return {0: True, 1: step >= 11, 2: not 20 <= step < 35, 3: step < 30}[vector]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"beta1": 0.9, "beta2": 0.999, "eps": 1e-3},
        {"beta1": 0.0, "beta2": 0.0},
        {"weight_decay": 0.0},
        {"weight_decay": 0.5, "lr": 0.3},
        {"clip": 0.5, "weight_decay": 0.1},
    ],
    ids=str,
)
def test_every_vector_moves_as_with_torchs_adamw(fields: dict[str, Any]) -> None:
    recipe = _recipe(**fields)
    draw = torch.Generator().manual_seed(0)
    table = torch.randn(4, D, generator=draw)
    references = [Reference(row, recipe) for row in table]
    optimiser = VectorAdamW(recipe, 4, D, torch.device("cpu"))
    for step in range(STEPS):
        which = [v for v in (2, 0, 3, 1) if _moves(v, step)]  # in no special order
        scale = torch.logspace(-4, 2, 4)[which, None]
        gradient = torch.randn(len(which), D, generator=draw) * scale
        lr = [recipe.lr * (1 + v) / (1 + step / 10) for v in which]
        before = table.clone()
        optimiser.update(table, torch.tensor(which), gradient, torch.tensor(lr))
        for k, v in enumerate(which):
            references[v].update(gradient[k], lr[k])
        resting = [v for v in range(4) if v not in which]
        assert torch.equal(table[resting], before[resting])
        expected = torch.stack([r.vector.detach() for r in references])
        torch.testing.assert_close(table, expected, rtol=2e-5, atol=2e-6)
    assert optimiser.count.tolist() == [50, 39, 35, 30]


def test_a_vector_that_is_reset_starts_afresh() -> None:
    recipe = _recipe(weight_decay=0.1)
    draw = torch.Generator().manual_seed(1)
    table = torch.randn(2, D, generator=draw)
    optimiser = VectorAdamW(recipe, 2, D, torch.device("cpu"))
    both, lr = torch.arange(2), torch.tensor([0.1, 0.1])
    for _ in range(5):
        optimiser.update(table, both, torch.randn(2, D, generator=draw), lr)
    kept = optimiser.mean[0].clone()
    optimiser.reset(torch.tensor([1]))
    assert torch.equal(optimiser.mean[0], kept)
    fresh = Reference(table[1], recipe)
    for _ in range(5):
        gradient = torch.randn(2, D, generator=draw)
        optimiser.update(table, both, gradient, lr)
        fresh.update(gradient[1], 0.1)
        torch.testing.assert_close(table[1], fresh.vector.detach())
    assert optimiser.count.tolist() == [10, 5]


def test_each_vector_is_clipped_by_its_own_norm() -> None:
    recipe = _recipe(clip=1.0, beta1=0.0, beta2=0.0, eps=1.0, weight_decay=0.0)
    gradient = torch.zeros(3, D)
    gradient[0, 0], gradient[1, 1], gradient[2, 2] = 100.0, 0.5, 0.0
    table = torch.zeros(3, D)
    optimiser = VectorAdamW(recipe, 3, D, torch.device("cpu"))
    optimiser.update(table, torch.arange(3), gradient, torch.ones(3))
    # Without memory a step is g / (|g| + eps): clipped 1 / 2, as it was .5 / 1.5, none at all.
    torch.testing.assert_close(table.amin(1), torch.tensor([-1 / 2, -1 / 3, 0.0]))
    assert torch.isfinite(table).all()


def test_the_gradient_given_is_not_changed() -> None:
    gradient = torch.full((1, D), 3.0)
    optimiser = VectorAdamW(_recipe(clip=0.1), 1, D, torch.device("cpu"))
    optimiser.update(torch.zeros(1, D), torch.arange(1), gradient, torch.ones(1))
    assert torch.equal(gradient, torch.full((1, D), 3.0))


@pytest.mark.parametrize("flatten", [0.5, 1.0])
def test_flattening_takes_a_power_of_its_norm_out_of_a_gradient(flatten: float) -> None:
    """The same as plain AdamW fed gradients that were scaled by hand; nothing divides by zero."""
    torch.manual_seed(0)
    gradients = [torch.randn(2, D) * size for size in (5.0, 0.1, 30.0)] + [torch.zeros(2, D)]
    lr = torch.full((2,), 0.1)
    tables = []
    for power, scaled in ((flatten, False), (0.0, True)):
        optimiser = VectorAdamW(_recipe(flatten=power), 2, D, torch.device("cpu"))
        table = torch.zeros(2, D)
        for gradient in gradients:
            norm = gradient.norm(dim=-1, keepdim=True).clamp_min(1e-30)
            fed = gradient / norm**flatten if scaled else gradient
            optimiser.update(table, torch.arange(2), fed, lr)
        tables.append(table)
    torch.testing.assert_close(*tables)
    assert tables[0].isfinite().all() and tables[0].abs().max() > 0.01


def test_warm_up_is_linear_and_ends_at_the_full_rate() -> None:
    recipe = _recipe(lr=0.4, warmup_steps=4)
    rates = [rate(recipe, step, unit=1.0) for step in range(7)]
    assert rates == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4, 0.4, 0.4])
    assert rate(_recipe(lr=0.4), 0, unit=1.0) == 0.4


def test_the_cosine_falls_from_the_full_rate_to_a_twentieth() -> None:
    recipe = _recipe(lr=2.0, warmup_steps=10, schedule="cosine", max_steps=110)
    assert rate(recipe, 9, unit=1.0) == pytest.approx(2.0)
    assert rate(recipe, 10, unit=1.0) == pytest.approx(2.0)
    assert rate(recipe, 60, unit=1.0) == pytest.approx(2.0 * (0.05 + 0.95 / 2))
    assert rate(recipe, 35, unit=1.0) == pytest.approx(
        2.0 * (0.05 + 0.95 * (1 + math.sqrt(0.5)) / 2)
    )
    assert rate(recipe, 110, unit=1.0) == pytest.approx(0.1)
    assert rate(recipe, 500, unit=1.0) == pytest.approx(0.1)


def test_an_easing_rate_falls_with_the_square_root_of_the_loss() -> None:
    recipe = _recipe(lr=2.0, ease_below=4.0)
    rates = [rate(recipe, 0, 1.0, loss) for loss in (math.inf, 9.0, 4.0, 1.0, 0.25, 0.0)]
    assert rates == pytest.approx([2, 2, 2, 1, 0.5, 2 * math.sqrt(0.02)])
    assert rate(_recipe(lr=2.0), 0, 1.0, 0.25) == 2.0


@given(
    warmup=st.integers(0, 60),
    span=st.integers(1, 60),
    schedule=st.sampled_from(["constant", "cosine"]),
)
def test_the_rate_rises_then_falls_and_is_never_zero(warmup: int, span: int, schedule: str) -> None:
    recipe = _recipe(lr=1.0, warmup_steps=warmup, schedule=schedule, max_steps=span)
    rates = [rate(recipe, step, unit=1.0) for step in range(warmup + span + 5)]
    assert all(a < b for a, b in pairwise(rates[:warmup]))
    assert all(a >= b for a, b in pairwise(rates[warmup:]))
    assert min(rates[warmup:]) >= 0.05 - 1e-12
    assert 0 < min(rates) <= max(rates) <= 1.0


def test_rates_come_in_the_recipes_unit() -> None:
    relative = _recipe(lr=0.3, lr_unit="embedding std", finish_lr=0.03)
    assert rate(relative, 5, unit=0.1) == pytest.approx(0.03)
    assert finish_rate(relative, unit=0.1) == pytest.approx(0.003)
    absolute = _recipe(lr=0.3, finish_lr=0.03)
    assert rate(absolute, 5, unit=0.1) == 0.3
    assert finish_rate(absolute, unit=0.1) == 0.03


def test_without_a_finishing_rate_the_search_goes_on() -> None:
    assert finish_rate(PAPER, unit=0.1) is None
    assert finish_rate(FAST, unit=0.1) is not None


@pytest.mark.skipif(not torch.backends.mps.is_available(), reason="needs Apple's MPS")
def test_it_runs_on_mps() -> None:
    table = torch.zeros(1, D, device="mps")
    optimiser = VectorAdamW(PAPER, 1, D, table.device)
    which = torch.arange(1, device="mps")
    optimiser.update(table, which, torch.ones(1, D, device="mps"), torch.ones(1, device="mps"))
    torch.testing.assert_close(table.cpu(), torch.full((1, D), -1.0))
