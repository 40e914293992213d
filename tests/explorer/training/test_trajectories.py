"""Vectors after each of twelve steps, as two trainers made them before they became this one.

Recorded with one thread on an AMD EPYC, on which they are the same to the last bit. Elsewhere sums
are rounded otherwise, and bfloat16 multiplies what that does: with oneDNN's products for AMX a row
is exact a step earlier or later, so PyTorch's own are taken.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from explorer.model.frozen import FrozenModel
from explorer.specs.recipes import FAST
from explorer.training import Row, Trainer
from explorer.training.layouts import TeacherForced
from tests.explorer.training.cases import EASY, HARD, quick

RECORDED = load_file(Path(__file__).parent / "trajectories.safetensors")
RECIPE = quick(max_steps=30, halve_at=8)
WARM = FAST.model_copy(update={"max_steps": 30, "warmup_steps": 3, "halve_at": 6})
MIXED = [Row(EASY, 2), Row(EASY, 3), Row(HARD, 0)]
SAME = [Row(HARD, seed) for seed in range(3)]
SHARED = [Row(HARD, 0, m_key="m"), Row(HARD[::-1], 1, m_key="m"), Row(HARD, 2, e_key="k")]
SOFT = quick(max_steps=30, halve_at=8, ease_below=4.0, flatten=0.5)
CONSTANT = quick(max_steps=30, halve_at=8, schedule="constant")
CASES: dict[str, Callable[..., Trainer]] = {
    "halves": lambda m, **k: Trainer(m, MIXED, "halves", RECIPE, until="first", **k),
    "e+mN": lambda m, **k: Trainer(m, SAME, "e+mN", WARM, until="first", **k),
    "e+mN-1": lambda m, **k: Trainer(m, SHARED, "e+mN-1", SOFT, **k),
    "frozen": lambda m, **k: Trainer(m, SAME, "alternating", CONSTANT, frozen=("m",), **k),
    "mem": lambda m, **k: Trainer(
        m, [Row(EASY, 0), Row(EASY, 1), Row(HARD, 0)], TeacherForced(2), RECIPE, until="first", **k
    ),
    "sink": lambda m, **k: Trainer(m, SAME[:2], TeacherForced(3, 7), WARM, **k),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("kind", "allowed"), [("float32", 2e-4), ("bfloat16", 2e-2)])
def test_every_step_is_as_it_was(
    kind: str,
    allowed: float,
    case: str,
    llama: FrozenModel,
    fast_llama: FrozenModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    fast = kind == "bfloat16"
    model, exact = (fast_llama, lambda: llama) if fast else (llama, None)
    trainer = CASES[case](model, exact_model=exact)
    for vectors, loss in zip(
        RECORDED[f"{kind}/{case}"], RECORDED[f"{kind}/{case}/loss"], strict=True
    ):
        report = trainer.step()
        np.testing.assert_allclose(report.loss, loss, rtol=allowed, atol=allowed)
        for i, expected in enumerate(vectors):
            np.testing.assert_allclose(trainer.vectors_of(i), expected, rtol=allowed, atol=allowed)
