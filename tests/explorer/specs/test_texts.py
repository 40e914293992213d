from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from explorer.base.errors import BadInputError
from explorer.specs.texts import (
    SOURCES,
    CorpusSpec,
    GeneratedSpec,
    OwnSpec,
    PG19Spec,
    RandomSpec,
    SeenSpec,
    TextSpec,
    UnseenSpec,
    make_spec,
)
from explorer.texts.drawing import continuation, draw

SPECS: list[TextSpec] = [
    OwnSpec(text="A text\r\nof mine"),
    SeenSpec(seed=3, index=2),
    PG19Spec(seed=4),
    UnseenSpec(seed=None, index=1),
    RandomSpec(seed=5, characters=50),
    CorpusSpec(path=Path("some/corpus")),
    GeneratedSpec(context=SeenSpec(seed=1), context_length=8, length=8, seed=2),
]


def test_there_is_a_spec_for_every_source() -> None:
    assert {spec.source for spec in SPECS} == set(SOURCES)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.source)
def test_a_spec_survives_json_and_cannot_be_changed(spec: TextSpec) -> None:
    adapter: TypeAdapter[TextSpec] = TypeAdapter(TextSpec)
    assert adapter.validate_json(spec.model_dump_json()) == spec
    with pytest.raises(ValidationError, match="frozen"):
        spec.source = "own"  # type: ignore[misc]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.source)
def test_every_field_of_a_spec_is_described(spec: BaseModel) -> None:
    fields = type(spec).model_fields
    assert all(field.description for name, field in fields.items() if name != "source")


def test_own_text_is_cleaned_in_its_spec() -> None:
    assert OwnSpec(text="a\r\nb\0\ud800").text == "a\nb"


def test_a_path_in_a_spec_does_not_depend_on_the_working_folder() -> None:
    spec = CorpusSpec(path=Path("some/corpus"))
    assert spec.path == Path.cwd() / "some/corpus"
    home = RandomSpec(path=Path("~/glove.txt")).path
    assert home == Path.home() / "glove.txt"


@pytest.mark.parametrize(
    ("source", "fields", "sentence"),
    [
        ("sean", {}, "There is no text source “sean”. Choose one of: own, seen"),
        ("seen", {"seed": -1}, "The setting “seed” must be at least 0."),
        ("seen", {"sed": 1}, "The text source “seen” has no setting “sed”."),
        ("corpus", {}, "The text source “corpus” needs the setting “path”"),
        ("corpus", {"path": "a\0b"}, "cannot be used: it holds a NUL character"),
        ("random", {"path": "~nobody-has-this-name/x"}, "the home folder in it is unknown"),
        ("generated", {"context": {"source": "generated"}}, "“context” of the text source"),
    ],
)
def test_a_wrong_spec_is_explained(source: str, fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInputError) as caught:
        make_spec(source, **fields)
    assert sentence in str(caught.value)


def test_a_generated_text_is_only_requested_here() -> None:
    spec = SPECS[-1]
    assert isinstance(spec, GeneratedSpec)
    with pytest.raises(BadInputError, match="sampled from the model"):
        draw(spec)
    context = draw(UnseenSpec())
    passage = continuation(spec, context, "and so on")
    assert (passage.text, passage.source) == ("and so on", "generated")
    assert context.title in passage.title
