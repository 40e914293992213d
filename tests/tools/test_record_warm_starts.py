"""What is handed down is e and m of rows that were trained from it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from explorer.model.frozen import FrozenModel
from explorer.model.pool import ModelPool
from explorer.specs.recipes import FAST
from explorer.training import Row, Trainer
from explorer.training.starts import start_of
from tools import record_warm_starts

TARGETS = [(5, 9, 5, 9), (7, 7, 3, 3), (4, 8, 4, 8), (6, 2, 6, 2)]


@pytest.fixture(scope="module")
def llama(tiny_llama_folder: Path) -> Iterator[FrozenModel]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # tiny products gain nothing from more
    yield ModelPool(torch.device("cpu")).get(tiny_llama_folder, "tiny", torch.float32)
    torch.set_num_threads(before)


def test_the_quicker_half_goes_on(llama: FrozenModel) -> None:
    known = torch.randn(2, 2, llama.d_model, generator=torch.Generator().manual_seed(0))
    passed_on = record_warm_starts.handed_down(llama, known, TARGETS, seed=7)
    assert passed_on.shape == (2, 2, llama.d_model)

    rows = [Row(target, 7 + i) for i, target in enumerate(TARGETS)]
    starts = {}
    for i, row in enumerate(rows):
        e, m = start_of(llama, FAST, row, known[i % 2]).numpy()
        starts[i] = (e, m)
    alone = Trainer(llama, rows, "e+mN", FAST, starts=starts)
    while not alone.finished:
        alone.step()
    outcomes = [alone.outcome(i) for i in range(4)]
    exact = [i for i in range(4) if outcomes[i].score.exact]
    assert len(exact) >= 2
    quickest = sorted(exact, key=lambda i: outcomes[i].steps)[:2]
    for pair in passed_on:
        found = [torch.from_numpy(np.stack([outcomes[i].e, outcomes[i].m])) for i in quickest]
        assert min(float((pair - other).norm()) for other in found) < 1e-4


@pytest.mark.embedded
@pytest.mark.usefixtures("shakespeare")
def test_every_generation_has_texts_of_its_own() -> None:
    openings = [
        p.text[:60] for generation in range(3) for p in record_warm_starts.passages(generation)
    ]
    assert (
        len(set(openings))
        == len(openings)
        == 3 * (record_warm_starts.SEEN + record_warm_starts.RANDOM)
    )
