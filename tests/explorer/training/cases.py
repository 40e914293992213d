"""Easy and hard targets, a quick recipe, and how tests of the trainer drive it."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from benchmarks import tiny
from explorer.model.frozen import FrozenModel
from explorer.specs.recipes import PAPER, Recipe
from explorer.training import Row, StepReport, Trainer
from explorer.training.layouts import OnePass

EASY = (17, 17, 99, 99)
"""Two halves of one token each: `halves` learns it within 25 steps."""
HARD = (17, 250, 99, 5, 160, 31)
"""Not learnt in the few steps that a test takes."""
QUICK = tiny.QUICK.model_copy(update={"max_steps": 200, "precision": "auto"})


def name(parameter: Recipe | str) -> str:
    return parameter.name if isinstance(parameter, Recipe) else parameter


def quick(**fields: Any) -> Recipe:
    return Recipe.model_validate(QUICK.model_dump() | fields)


def run(trainer: Trainer, steps: int = 1000) -> list[StepReport]:
    reports: list[StepReport] = []
    while not trainer.finished and len(reports) < steps:
        reports.append(trainer.step())
    return reports


def trajectory(trainer: Trainer, row: int, steps: int) -> NDArray[np.float32]:
    """Return e and m of one row after each step, (steps, 2, d)."""
    pairs = []
    for _ in range(steps):
        trainer.step()
        pairs.append(trainer.vectors_of(row).copy())
    return np.stack(pairs)


def follow_plain_adamw(model: FrozenModel, steps: int, layout: OnePass) -> None:
    """Compare two texts that share m, step by step, with AdamW over plain transformers (H2)."""
    texts = [(17, 250, 99), (8, 9, 10)]
    rows = [Row(ids, seed, m_key="both") for seed, ids in enumerate(texts)]
    ours = Trainer(model, rows, layout, PAPER)
    (e0, m), (e1, _) = (
        [torch.nn.Parameter(torch.from_numpy(v.copy())) for v in ours.vectors_of(i)]
        for i in range(2)
    )
    np.testing.assert_array_equal(ours.vectors_of(0)[1], ours.vectors_of(1)[1])
    table = model.network.get_input_embeddings().weight
    before = [] if layout.sink is None else [table[layout.sink].detach().clone()]
    optimiser = torch.optim.AdamW([e0, e1, m], lr=0.01, betas=(0.9, 0.9), weight_decay=0.01)
    for _ in range(steps):
        inputs = torch.stack([torch.stack([*before, e, m, m, m]) for e in (e0, e1)])
        logits = model.network(inputs_embeds=inputs).logits[:, 1 + len(before) :]
        losses = [functional.cross_entropy(logits[i], torch.tensor(texts[i])) for i in range(2)]
        optimiser.zero_grad()
        sum(losses).backward()
        optimiser.step()
        ours.step()
        for i, e in enumerate((e0, e1)):
            expected = torch.stack([e, m]).detach().numpy()
            np.testing.assert_allclose(ours.vectors_of(i), expected, rtol=1e-3, atol=1e-3)
    assert all(torch.equal(each, table[layout.sink]) for each in before)
