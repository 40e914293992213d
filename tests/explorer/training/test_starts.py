"""Where e and m start, and what a start may know."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from explorer.model.frozen import FrozenModel
from explorer.solutions.solution import SolutionRecord
from explorer.specs.recipes import FAST, INDEPENDENT, PAPER, Recipe
from explorer.training import Row, Trainer, starts
from explorer.training.layouts import OnePass
from explorer.training.solved import solution_of
from tests.explorer.training.cases import EASY, HARD
from tests.steps import exhaust

KNOWN = 5


@pytest.fixture
def pool(
    llama: FrozenModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[torch.Tensor]:
    """Five pairs of e and m that ship for the tiny model."""
    monkeypatch.setattr(starts, "WARM", tmp_path)
    starts.warm_pairs.cache_clear()
    known = torch.randn(KNOWN, 2, llama.d_model, generator=torch.Generator().manual_seed(1)).half()
    save_file({"pairs": known}, starts.warm_file(llama.fingerprint))
    yield known.float()
    starts.warm_pairs.cache_clear()


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
        along = torch.cosine_similarity(m, pool[seed % KNOWN, 1], dim=0)
        assert float(along) == pytest.approx(1, abs=1e-5)
        assert float(m.square().mean().sqrt()) == pytest.approx(0.25 * llama.embedding_std)


@pytest.mark.parametrize("share", [0.0, 0.6, 1.0])
def test_e_starts_as_near_the_known_e_as_the_recipe_says(
    llama: FrozenModel, pool: torch.Tensor, share: float
) -> None:
    recipe = FAST.model_copy(update={"known_e": share, "target_in_e": 0.0})
    random = starts.start(llama, recipe, KNOWN + 1, 2)[0] - llama.embedding_mean
    e = starts.start_of(llama, recipe, Row(HARD, KNOWN + 1))[0] - llama.embedding_mean
    known = pool[1, 0] - llama.embedding_mean
    known *= recipe.init_scale * llama.embedding_std / known.square().mean().sqrt()
    torch.testing.assert_close(e, share * known + (1 - share**2) ** 0.5 * random)


def test_two_seeds_of_one_known_pair_start_apart(llama: FrozenModel, pool: torch.Tensor) -> None:
    one, other = (starts.start_of(llama, FAST, Row(HARD, seed)) for seed in (1, KNOWN + 1))
    assert torch.equal(one[1], other[1])
    apart = float((one[0] - other[0]).square().mean().sqrt())
    assert apart > 0.2 * llama.embedding_std


def test_a_pair_given_goes_before_those_that_ship(llama: FrozenModel, pool: torch.Tensor) -> None:
    given = starts.start_of(llama, FAST, Row(HARD, 0), pool[3])
    assert torch.equal(given[1], starts.start_of(llama, FAST, Row(HARD, 3))[1])


def test_a_known_e_is_near_under_the_papers_starts_too(
    llama: FrozenModel, pool: torch.Tensor
) -> None:
    recipe = PAPER.model_copy(update={"known_m": 1.0, "known_e": 1.0})
    e = starts.start_of(llama, recipe, Row(HARD, 2))[0]
    assert float(torch.cosine_similarity(e, pool[2, 0], dim=0)) == pytest.approx(1, abs=1e-5)
    assert float(e.square().mean().sqrt()) == pytest.approx(1, abs=1e-5)


def test_without_known_pairs_m_starts_like_e(llama: FrozenModel) -> None:
    assert starts.warm_pairs(llama.fingerprint) is None
    m, plain = (starts.start_of(llama, r, Row(HARD, 3))[1] for r in (FAST, INDEPENDENT))
    assert torch.equal(m, plain)


def test_an_arrangement_with_pairs_of_its_own_starts_near_those(
    llama: FrozenModel, pool: torch.Tensor
) -> None:
    """They were handed down in it, where the others were handed down in A4."""
    save_file({"pairs": -pool.half()}, starts.warm_file(llama.fingerprint, "sink+mixed"))
    row, recipe = Row(HARD, 2), FAST.model_copy(update={"known_m": 1.0})
    m = {key: OnePass(key, 0).start(llama, recipe, row)[1] for key in ("sink+mixed", "e+mN")}
    alike = {key: torch.cosine_similarity(each, pool[2, 1], dim=0) for key, each in m.items()}
    assert alike == pytest.approx({"sink+mixed": -1, "e+mN": 1}, abs=1e-5)
    assert starts.warm_digest(llama.fingerprint, "sink+mixed") != starts.warm_digest(
        llama.fingerprint, "e+mN"
    )


def test_a_solution_names_the_pairs_that_it_started_near(
    llama: FrozenModel, pool: torch.Tensor
) -> None:
    """They may be handed further down: then the same recipe and seed start elsewhere."""

    def record(recipe: Recipe) -> SolutionRecord:
        short = recipe.model_copy(update={"max_steps": 1, "precision": "float32"})
        trainer = Trainer(llama, [Row(HARD, 0)], "e+mN", short)
        exhaust(trainer.step() for _ in range(2))
        return solution_of(
            trainer.outcome(0), llama, OnePass("e+mN"), short, (1.0, 2), "run"
        ).record

    here, plain = record(FAST), record(INDEPENDENT)
    save_file({"pairs": pool.half() + 1}, starts.warm_file(llama.fingerprint))
    starts.warm_pairs.cache_clear()
    there = record(FAST)
    assert here.known_starts and there.known_starts and here.known_starts != there.known_starts
    assert here.made_from != there.made_from
    assert plain.known_starts is None and record(INDEPENDENT).made_from == plain.made_from


@pytest.mark.embedded
def test_known_pairs_ship_for_the_embedded_model(
    load_model: Callable[..., FrozenModel], embedded_folder: Path
) -> None:
    embedded = load_model(embedded_folder)
    known = starts.warm_pairs(embedded.fingerprint)
    assert known is not None and known.shape[1:] == (2, embedded.d_model)
    assert known.isfinite().all()
    for vectors in (known[:, 0], known[:, 1]):
        alike = np.corrcoef(vectors.numpy()) - np.eye(len(known))
        assert alike.max() < 0.6  # different ones, so that restarts start far apart
