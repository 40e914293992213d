from typing import Any

import pytest
from pydantic import BaseModel, Field, ValidationError, field_validator

from explorer.base.errors import BadInputError
from explorer.base.value import in_words, valid


class Colour(BaseModel, extra="forbid"):
    red: int = 0
    blue: int = 0


class Thing(BaseModel, extra="forbid"):
    size: int = Field(ge=1)
    parts: tuple[int, ...] = Field((1,), min_length=1)
    paint: Colour = Colour()
    layers: tuple[Colour, ...] = ()

    @field_validator("size")
    @classmethod
    def _even(cls, size: int) -> int:
        if size % 2:
            raise ValueError("an odd thing cannot be halved")
        return size


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"size": 2, "colour": "blue"},
            "There is no setting “colour”. Choose one of: size, parts, paint, layers.",
        ),
        (
            {"size": 2, "paint": {"green": 1}},
            "There is no setting “paint.green”. Choose one of: red, blue.",
        ),
        ({"size": 2, "layers": [{"green": 1}]}, "There is no setting “layers.0.green”."),
        ({}, "The setting “size” is needed."),
        ({"size": 2, "parts": 4}, "The setting “parts” takes a list, such as [4, 8]."),
        ({"size": 2, "parts": []}, "The setting “parts” needs at least one value."),
        ({"size": 3}, "The setting “size” cannot be used: an odd thing cannot be halved."),
        ({"size": 0}, "The setting “size” must be at least 1."),
        ({"size": "two"}, "The setting “size” must be a whole number."),
    ],
)
def test_a_setting_that_cannot_be_used_is_a_sentence(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Thing(**fields)
    assert in_words(caught.value, Thing) == said


def test_broken_json_is_not_explained_with_a_parser_s_words() -> None:
    with pytest.raises(ValidationError) as caught:
        Thing.model_validate_json("{")
    assert in_words(caught.value) == "The settings cannot be read: this is not valid JSON."


def test_what_is_too_long_says_how_long_it_may_be() -> None:
    class Note(BaseModel):
        text: str = Field("", max_length=1_000)
        parts: tuple[int, ...] = Field((), max_length=2)

    assert valid(Note, {"text": "a"}) == Note(text="a")
    for fields, said in (
        ({"text": "a" * 1_001}, "The setting “text” takes at most 1,000 characters. Shorten it."),
        ({"parts": (1, 2, 3)}, "The setting “parts” takes at most 2 values. Choose fewer."),
    ):
        with pytest.raises(BadInputError, match=said):
            valid(Note, fields)
