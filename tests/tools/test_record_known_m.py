"""m that is handed down is the m of rows that were trained from it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from explorer.models import FrozenModel
from explorer.pool import ModelPool
from explorer.recipes import FAST
from explorer.training import Row, Trainer
from explorer.training.starts import as_known, start_of
from tools import record_known_m

TARGETS = [(5, 9, 5, 9), (7, 7, 3, 3), (4, 8, 4, 8), (6, 2, 6, 2)]


@pytest.fixture(scope="module")
def llama(tiny_llama_folder: Path) -> Iterator[FrozenModel]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # tiny products gain nothing from more
    yield ModelPool(torch.device("cpu")).get(tiny_llama_folder, "tiny", torch.float32)
    torch.set_num_threads(before)


def test_the_quicker_half_goes_on(llama: FrozenModel) -> None:
    known = torch.randn(2, llama.d_model, generator=torch.Generator().manual_seed(0))
    passed_on = record_known_m.handed_down(llama, known, TARGETS, seed=7)
    assert passed_on.shape == (2, llama.d_model)

    begin = as_known(llama, known, FAST.known_m or 0)
    rows = [Row(target, 7 + i) for i, target in enumerate(TARGETS)]
    starts = {
        i: (start_of(llama, FAST, row)[0].numpy(), begin[i % 2].numpy())
        for i, row in enumerate(rows)
    }
    recipe = FAST.model_copy(update={"max_steps": record_known_m.MOST_STEPS})
    alone = Trainer(llama, rows, "e+mN", recipe, starts=starts)
    while not alone.finished:
        alone.step()
    outcomes = [alone.outcome(i) for i in range(4)]
    exact = [i for i in range(4) if outcomes[i].score.exact]
    assert len(exact) >= 2
    quickest = sorted(exact, key=lambda i: outcomes[i].steps)[:2]
    for m in passed_on:
        distances = [float((m - torch.from_numpy(outcomes[i].m)).norm()) for i in quickest]
        assert min(distances) < 1e-4
