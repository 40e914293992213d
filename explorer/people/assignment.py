"""Assignments: everything of the form on Reconstruct in a link, which fills it in for others."""

from collections.abc import Mapping
from typing import Any, Literal, Self
from urllib.parse import urlencode

from pydantic import Field, ValidationError

from explorer.assets import catalog
from explorer.base.errors import BadInputError
from explorer.base.language import tr
from explorer.base.value import Value, in_words, valid
from explorer.specs.arrangements import AUTO, ArrangementChoice
from explorer.specs.jobs import MAX_LENGTH, MAX_RESTARTS, ReconstructSpec
from explorer.specs.recipes import FAST, PRESETS, SETTINGS, Recipe, preset

MOST_LETTERS = 400
MARK = "text"
"""The parameter that every assignment has."""
RECIPE, NONE = "recipe_", "none"
"""How parameters begin that change a field of the recipe; the value of an empty one."""


class Assignment(Value):
    """What everybody is asked to train; fields are called as in the link."""

    text: str = Field(min_length=1, max_length=MOST_LETTERS)
    n: int = Field(24, ge=1, le=MAX_LENGTH)
    restarts: int = Field(4, ge=1, le=MAX_RESTARTS)
    seed: int = Field(0, ge=0, lt=2**31 - MAX_RESTARTS)
    until: Literal["first", "all"] = "first"
    arrangement: ArrangementChoice = AUTO
    on: str | None = Field(None, max_length=200, description="The model; None: the embedded one.")
    recipe: Recipe = FAST

    @classmethod
    def of(cls, spec: ReconstructSpec, text: str) -> Self:
        """Return the assignment to do what a spec asks, with the part of its text that is needed.

        Raises:
            BadInputError: if the text is too long for a link, or something else that a spec may
                have, such as a seed above those of an assignment.
        """
        if len(text) > MOST_LETTERS:
            raise BadInputError(
                tr(
                    "An assignment's text has at most {most} characters, because it is part of the "
                    "link. Choose a shorter target.",
                    most=MOST_LETTERS,
                )
            )
        fields = {"restarts": spec.restarts, "seed": spec.seed, "until": spec.until}
        about = {"arrangement": spec.arrangement, "on": _model(spec.model), "recipe": spec.recipe}
        return valid(cls, {"text": text, "n": spec.length} | fields | about)

    @property
    def preset(self) -> str:
        """Name of the preset that its recipe comes from."""
        return self.recipe.name.partition(",")[0]

    @property
    def query(self) -> str:
        """The link, from its question mark on; what is as usual is left out."""
        usual = type(self)(text="-")
        said = {
            name: getattr(self, name)
            for name in ("n", "restarts", "seed", "until", "arrangement", "on")
            if getattr(self, name) != getattr(usual, name)
        }
        base = PRESETS[self.preset]
        if base != FAST:
            said["recipe"] = base.name
        for name in SETTINGS:
            if (value := getattr(self.recipe, name)) != getattr(base, name):
                said[RECIPE + name] = NONE if value is None else value
        return f"?{urlencode({MARK: self.text} | said)}"


def read(query: Mapping[str, str]) -> Assignment | None:
    """Return the assignment in a link, or None if it holds none; other parameters are left alone.

    Raises:
        BadInputError: if something in it cannot be used, with what to do.
    """
    if MARK not in query:
        return None
    fields: dict[str, Any] = {n: query[n] for n in Assignment.model_fields if n in query}
    try:
        fields["recipe"] = _recipe(query)
        found = Assignment.model_validate(fields)
        if found.on is not None and _model(found.on) != found.on:
            raise BadInputError(tr("“on” takes the name of a model, not a folder."))
    except ValidationError as error:
        raise _refused(in_words(error, Assignment)) from error
    except BadInputError as error:
        raise _refused(str(error)) from error
    return found


def _refused(why: str) -> BadInputError:
    return BadInputError(
        tr(
            "The assignment in this link cannot be used. {why} Ask for a new link, or correct this "
            "one.",
            why=why,
        )
    )


def _recipe(query: Mapping[str, str]) -> Recipe:
    base = preset(query.get("recipe", FAST.name))
    changed = {
        name.removeprefix(RECIPE): None if value == NONE else value
        for name, value in query.items()
        if name.startswith(RECIPE)
    }
    if not changed:
        return base
    if unknown := changed.keys() - set(SETTINGS):
        raise BadInputError(tr("A recipe has no field “{name}”.", name=sorted(unknown)[0][:40]))
    fields = base.model_dump(include=set(SETTINGS)) | changed
    try:
        return Recipe(name=f"{base.name}, changed", **fields)
    except ValidationError as error:
        raise BadInputError(in_words(error, Recipe)) from error


def _model(name: str) -> str | None:
    """Return how a link names a model: not at all if it is the usual one, or a folder here."""
    usual = catalog.known_models()[0].name
    return None if name == usual or catalog.is_path(name) else name
