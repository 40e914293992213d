"""Where e and m start, and what a start may know."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from explorer.models import FrozenModel
from explorer.recipes import FAST, INDEPENDENT, PAPER, Recipe
from explorer.training import Row, starts
from tests.explorer.training.cases import EASY, HARD

KNOWN = 5


@pytest.fixture
def pool(
    llama: FrozenModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[torch.Tensor]:
    """Five m that ship for the tiny model."""
    monkeypatch.setattr(starts, "KNOWN_M", tmp_path)
    starts.known_m.cache_clear()
    known = torch.randn(KNOWN, llama.d_model, generator=torch.Generator().manual_seed(1)).half()
    save_file({"m": known}, starts.known_m_file(llama.fingerprint))
    yield known.float()
    starts.known_m.cache_clear()


@pytest.mark.parametrize("recipe", [INDEPENDENT, PAPER], ids=lambda recipe: recipe.name)
def test_a_start_that_knows_nothing_is_its_seeds(
    llama: FrozenModel, recipe: Recipe, pool: torch.Tensor
) -> None:
    plain = starts.start(llama, recipe, 3, 2)
    for text in (HARD, EASY):
        assert torch.equal(starts.start_of(llama, recipe, Row(text, 3)), plain)


def test_e_leans_towards_the_targets_mean_embedding(llama: FrozenModel) -> None:
    table = llama.network.get_input_embeddings().weight.detach()
    for text in (HARD, EASY):
        moved, plain = (starts.start_of(llama, r, Row(text, 3))[0] for r in (FAST, INDEPENDENT))
        about = table[list(text)].mean(0) - llama.embedding_mean
        away = moved - plain
        assert float(away.square().mean().sqrt()) == pytest.approx(llama.embedding_std, rel=1e-4)
        assert float(torch.cosine_similarity(away, about, dim=0)) == pytest.approx(1, abs=1e-5)


def test_twice_as_far_is_twice_as_far(llama: FrozenModel) -> None:
    at = [
        starts.start_of(llama, INDEPENDENT.model_copy(update={"target_in_e": k}), Row(HARD, 3))[0]
        for k in (0.0, 1.5, 3.0)
    ]
    torch.testing.assert_close(at[2] - at[0], 2 * (at[1] - at[0]))


def test_m_starts_at_another_known_m_for_each_seed(llama: FrozenModel, pool: torch.Tensor) -> None:
    recipe = FAST.model_copy(update={"known_m": 0.25})
    for seed in (0, 3, 4, KNOWN + 1):
        m = starts.start_of(llama, recipe, Row(HARD, seed))[1]
        along = torch.cosine_similarity(m, pool[seed % KNOWN], dim=0)
        assert float(along) == pytest.approx(1, abs=1e-5)
        assert float(m.square().mean().sqrt()) == pytest.approx(0.25 * llama.embedding_std)


def test_without_known_m_it_starts_like_e(llama: FrozenModel) -> None:
    assert starts.known_m(llama.fingerprint) is None
    m, plain = (starts.start_of(llama, r, Row(HARD, 3))[1] for r in (FAST, INDEPENDENT))
    assert torch.equal(m, plain)


@pytest.mark.embedded
def test_known_m_ship_for_the_embedded_model(
    load_model: Callable[..., FrozenModel], embedded_folder: Path
) -> None:
    embedded = load_model(embedded_folder)
    known = starts.known_m(embedded.fingerprint)
    assert known is not None and known.shape[1] == embedded.d_model
    assert known.isfinite().all()
    alike = np.corrcoef(known.numpy()) - np.eye(len(known))
    assert alike.max() < 0.5  # different ones, so that restarts start far apart
