"""The recipe that `--recipe` and `--set` describe: a preset or a file, with some fields changed."""

import codecs
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from explorer.base.errors import BadInputError, disk_errors
from explorer.base.value import in_words, valid
from explorer.specs import recipes
from explorer.specs.recipes import Recipe


def chosen(name: str, changes: Sequence[str]) -> Recipe:
    """Return the recipe of a preset or a file with some fields changed.

    Args:
        name: of a preset, or of a JSON file.
        changes: FIELD=VALUE each.

    Raises:
        BadInputError: if there is no such recipe or a change is impossible.
    """
    return valid(Recipe, changed(named(name).model_dump(), dict(map(halves, changes))))


def named(name: str) -> Recipe:
    """Return a preset, or read a recipe from a JSON file.

    Raises:
        BadInputError: if there is none of that name.
    """
    if name in recipes.PRESETS or not name.endswith(".json"):
        return recipes.preset(name)
    try:
        with disk_errors(f"{name} cannot be read", "Check the path.", BadInputError):
            written = Path(name).read_bytes().removeprefix(codecs.BOM_UTF8)
            return Recipe.model_validate_json(written)
    except ValidationError as error:
        raise BadInputError(f"{name} holds no recipe. {in_words(error, Recipe)}") from error


def changed(recipe: dict[str, Any], changes: dict[str, str]) -> dict[str, Any]:
    """Return a recipe's fields with some changed, and a name that says so; “none” is no value.

    What is changed to what it is changes nothing: the name is part of what runs are known by.
    """
    values = {field: None if value == "none" else value for field, value in changes.items()}
    with suppress(BadInputError):  # whoever makes a recipe of it says what cannot be
        if valid(Recipe, recipe | values) == valid(Recipe, recipe):
            return recipe
    return recipe | values | {"name": f"{recipe['name']}, changed"}


def halves(change: str) -> tuple[str, str]:
    """Return field and value of what a person wrote after `--set`.

    Raises:
        BadInputError: if it is not of that form.
    """
    field, equals, value = change.partition("=")
    if not equals:
        raise BadInputError(f"“--set {change}” is not of the form FIELD=VALUE.")
    return field, value
