"""What is compared is the same work: equal texts end equally, alone and together."""

from pathlib import Path

import pytest
import torch

from benchmarks import shared_pass
from explorer.model.pool import ModelPool
from explorer.specs.recipes import FAST


def test_the_same_texts_are_trained_alone_and_together(
    tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = FAST.model_copy(update={"max_steps": 60, "precision": "float32"})
    monkeypatch.setattr(shared_pass, "FAST", recipe)
    pool = ModelPool(torch.device("cpu"))
    job = shared_pass.job_of(pool, tiny_llama_folder, str(tiny_llama_folder), restarts=3)
    found = shared_pass.whole_texts(job, [(17, 99), (17, 17, 99), (8, 9)])
    assert (found.texts, found.lengths) == (3, (2, 3))
    assert found.exact[0] == found.exact[1] > 0 and found.steps[0] == found.steps[1] > 3
    assert found.sooner == pytest.approx(found.alone / found.together) and found.cheaper > 0


def test_rates_are_beside_one_job_with_the_same_rows(
    tiny_llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = ModelPool(torch.device("cpu"))
    model = pool.get(tiny_llama_folder, "tiny", torch.float32)
    monkeypatch.setattr(shared_pass, "JOBS", (1, 3))
    one, three = shared_pass.rates(model, 4, 2)
    assert (one.jobs, three.jobs, one.over_one) == (1, 3, 1.0)
    assert three.over_one == pytest.approx(three.tokens_per_second / one.tokens_per_second)
    assert three.over_one_job > 0
