from typing import Any

import pytest
from pydantic import ValidationError

from explorer.base.errors import BadInputError
from explorer.solutions import store
from explorer.solutions.solution import load_solution, made_from
from explorer.specs import recipes
from explorer.specs.curves import PathRecipe
from explorer.specs.recipes import FAST, INDEPENDENT, PAPER, Recipe
from explorer.training.layouts import OnePass


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
    knows = {"name": "fast", "target_in_e": 1.0, "known_m": 1.5, "known_e": 0.96}
    so = {"warmup_steps": 8, "halve_at": 30, "rest_above": 1.15}
    assert INDEPENDENT.model_dump() | knows | so == FAST.model_dump()


def test_some_rest_from_the_end_of_a_races_warm_up_or_from_the_halving() -> None:
    assert FAST.rests_from == 8 and INDEPENDENT.rests_from == 40 and PAPER.rests_from is None
    for earlier in recipes.EARLIER:
        assert earlier.rests_from == 20 and "rest_above" not in earlier.model_dump()


def test_what_a_start_knows_is_written_only_where_it_knows_something() -> None:
    knows = {"target_in_e", "known_m", "known_e"}
    assert not knows & set(INDEPENDENT.model_dump())
    assert knows <= set(FAST.model_dump())


PINNED = {
    "fast": "2580d9a7",
    "fast, all to step 20": "71c2bbe7",
    "fast, longer warm-up": "1bc98bb6",
    "independent": "e6b38449",
    "paper": "a74624db",
}
"""What every name means. A preset with other fields takes another name: add it, change none."""


def test_no_name_is_given_a_new_meaning() -> None:
    presets = [*recipes.PRESETS.values(), *recipes.EARLIER]
    assert {recipe.name: recipe.digest for recipe in presets} == PINNED
    assert [name for name, recipe in recipes.PRESETS.items() if recipe.name != name] == []


def test_a_digest_follows_from_every_setting_and_from_nothing_else() -> None:
    assert FAST.model_copy(update={"name": "mine", "recorded_as": "yours"}).digest == FAST.digest
    changes = {
        "init": "normal",
        "lr_unit": "absolute",
        "schedule": "constant",
        "clip": 1.5,
        "precision": "float32",
    }
    for name in recipes.SETTINGS:
        value = getattr(FAST, name)
        number = value + 1 if isinstance(value, int) else None
        other = changes.get(name) or number or (value or 0.0) / 2 + 0.125
        assert FAST.model_copy(update={name: other}).digest != FAST.digest, name
    assert Recipe.model_validate_json(FAST.model_dump_json()).digest == FAST.digest


@pytest.mark.parametrize(
    ("recipe", "update", "title"),
    [
        (FAST, {}, "fast"),
        (FAST, {"lr": 0.5}, "fast, modified"),
        (FAST, {"lr": 0.5, "name": "fast, changed"}, "fast, changed"),
        (FAST, {"rest_above": None, "halve_at": 20}, "fast, all to step 20"),
        (FAST, {"rest_above": None, "halve_at": 20, "warmup_steps": 30}, "fast, longer warm-up"),
        (
            FAST,
            {"rest_above": None, "halve_at": 20, "warmup_steps": 30, "lr": 0.5},
            "fast, longer warm-up, modified",
        ),
        (INDEPENDENT, {"name": "fast"}, "independent, recorded as fast"),
        (
            INDEPENDENT,
            {"name": "fast, 200 steps", "max_steps": 200},
            "independent, modified, recorded as fast, 200 steps",
        ),
        (INDEPENDENT, {"recorded_as": "fast"}, "independent, recorded as fast"),
        (
            INDEPENDENT,
            {"name": "independent, 200 steps", "max_steps": 200, "recorded_as": "fast, 200 steps"},
            "independent, 200 steps, recorded as fast, 200 steps",
        ),
        (
            INDEPENDENT,
            {"name": "paper", "max_steps": 5000},
            "independent, modified, recorded as paper",
        ),
        (PAPER, {"name": "mine"}, "mine"),
        (PAPER, {"name": "mine", "recorded_as": "fast"}, "mine, recorded as fast"),
    ],
)
def test_a_name_is_checked_against_the_fields(
    recipe: Recipe, update: dict[str, Any], title: str
) -> None:
    """A name from a file says what somebody called it; the fields say what it was."""
    found = Recipe.model_validate(recipe.model_copy(update=update).model_dump())
    assert found.title == title
    assert found.shown["name"] == title and found.shown["digest"] == found.digest
    assert set(found.shown) >= {"lr", "max_steps"} and "recorded_as" not in found.shown


def test_what_ships_says_what_it_was_made_with_and_keeps_its_ids() -> None:
    """Made when `fast` meant something else: relabelled, under ids that still follow from it."""
    shipped = [entry for entry in store.entries() if entry.ships]
    named = {e.path.parent.name: e.record.recipe.title for e in shipped if e.record}
    assert named["131d0d8231dc"] == "independent, recorded as fast"
    alone = 0
    for entry in shipped:
        assert entry.path.stem == entry.id and entry.record is not None
        recipe = entry.record.recipe
        assert recipe.title.startswith(recipe.name)  # today's name is right for its fields
        assert recipe.digest in PINNED.values() or recipe.name not in PINNED
        if entry.path.parent.parent.name in ("reconstruct", "paths"):
            solution = load_solution(entry.path)
            record = solution.record
            again = made_from(
                record.model,
                record.fingerprint,
                solution.target_ids,
                OnePass(record.arrangement, record.sink).words,
                record.recipe,
                record.seed,
                record.known_starts,
            )
            assert record.made_from == again == record.id.partition("-")[0]
            alone += 1
    assert alone > 0


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
        {"clip": float("inf")},
        {"finish_lr": 0.0},
        {"finish_margin": -1.0},
    ],
    ids=str,
)
def test_settings_that_cannot_be_used_are_refused(field: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Recipe.model_validate(PAPER.model_dump() | field)


def test_a_number_that_no_file_can_hold_is_refused_for_a_curve_too() -> None:
    """JSON would give an infinite clip back as none, under another digest."""
    assert PathRecipe(clip=2.0).clip == 2.0
    with pytest.raises(ValidationError):
        PathRecipe(clip=float("inf"))


def test_every_setting_is_explained() -> None:
    assert all(field.description for field in Recipe.model_fields.values())
