from typing import Any

import pytest
from pydantic import ValidationError

from explorer import recipes
from explorer.errors import BadInputError
from explorer.recipes import FAST, INDEPENDENT, PAPER, Recipe


def test_the_papers_recipe_is_h1_to_h3() -> None:
    assert (PAPER.init, PAPER.init_scale) == ("normal", 1.0)  # H1
    assert (PAPER.lr, PAPER.lr_unit, PAPER.schedule) == (0.01, "absolute", "constant")  # H2
    assert (PAPER.beta1, PAPER.beta2, PAPER.weight_decay, PAPER.eps) == (0.9, 0.9, 0.01, 1e-8)
    assert PAPER.max_steps == 5000  # H3
    assert (PAPER.warmup_steps, PAPER.clip, PAPER.finish_lr) == (0, None, None)
    assert (PAPER.ease_below, PAPER.flatten, PAPER.halve_at) == (None, 0.0, None)


def test_the_fast_recipe_starts_at_the_embeddings_in_their_unit() -> None:
    assert (FAST.init, FAST.lr_unit, FAST.schedule) == ("embeddings", "embedding std", "cosine")
    embedded_std = 0.1
    assert FAST.lr * embedded_std == pytest.approx(0.08, rel=0.01)
    assert FAST.finish_lr is not None
    assert FAST.finish_lr * embedded_std == pytest.approx(0.003, rel=0.01)


def test_the_independent_recipe_is_the_fast_one_from_starts_that_know_nothing() -> None:
    assert (INDEPENDENT.target_in_e, INDEPENDENT.known_m) == (0.0, None)
    knows = {"name": "fast", "target_in_e": 1.0, "known_m": 1.5, "known_e": 0.96, "halve_at": 20}
    assert INDEPENDENT.model_dump() | knows == FAST.model_dump()


def test_what_a_start_knows_is_written_only_where_it_knows_something() -> None:
    knows = {"target_in_e", "known_m", "known_e"}
    assert not knows & set(INDEPENDENT.model_dump())
    assert knows <= set(FAST.model_dump())


def test_presets_are_found_by_name() -> None:
    for name in ("fast", "independent", "paper"):
        assert recipes.preset(name).name == name
    with pytest.raises(BadInputError, match=r"“faast”.*fast, independent, paper"):
        recipes.preset("faast")


def test_a_recipe_survives_json() -> None:
    for recipe in (FAST, INDEPENDENT, PAPER, PAPER.model_copy(update={"clip": 0.1 + 0.2})):
        assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


def test_a_recipe_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        PAPER.lr = 1.0


@pytest.mark.parametrize(
    "field",
    [
        {"learning_rate": 0.1},
        {"init": "zeros"},
        {"schedule": "linear"},
        {"precision": "float16"},
        {"target_in_e": -0.1},
        {"known_m": 0.0},
        {"known_e": 1.1},
        {"lr": 0.0},
        {"lr": -0.01},
        {"lr": float("nan")},
        {"lr": float("inf")},
        {"beta1": 1.0},
        {"beta2": -0.1},
        {"eps": 0.0},
        {"weight_decay": -1e-3},
        {"warmup_steps": -1},
        {"max_steps": 0},
        {"max_steps": 2.5},
        {"clip": 0.0},
        {"finish_lr": 0.0},
        {"finish_margin": -1.0},
    ],
    ids=str,
)
def test_settings_that_cannot_be_used_are_refused(field: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Recipe.model_validate(PAPER.model_dump() | field)


def test_every_setting_is_explained() -> None:
    assert all(field.description for field in Recipe.model_fields.values())
