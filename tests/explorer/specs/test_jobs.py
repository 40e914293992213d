import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.base.errors import BadInputError
from explorer.specs.arrangements import KEYS
from explorer.specs.jobs import (
    MAX_LENGTH,
    MAX_RESTARTS,
    DownloadSpec,
    GenerateSpec,
    JobSpec,
    ReconstructSpec,
    parse,
)
from explorer.specs.recipes import FAST, PAPER

ASKED: dict[str, Any] = {
    "kind": "reconstruct",
    "model": "smollm2-135m",
    "text": "naïve “heron” 👩‍🚀 <script>",
    "length": 24,
    "arrangement": "e+mN",
    "recipe": FAST.model_dump(),
    "restarts": 4,
}
OTHERS: dict[str, dict[str, Any]] = {
    "reconstruct": ASKED,
    "bring": {"kind": "bring", "model": "a/b"},
    "generate": {"kind": "generate", "model": "a/b", "context": "The heron", "length": 5},
}

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
seeds = st.integers(0, 2**31 - 1)
specs: st.SearchStrategy[JobSpec] = st.one_of(
    st.builds(
        ReconstructSpec,
        model=text,
        text=text,
        length=st.integers(1, MAX_LENGTH),
        arrangement=st.sampled_from(KEYS),
        recipe=st.sampled_from([FAST, PAPER])
        | st.builds(FAST.model_copy, update=st.fixed_dictionaries({"lr": st.floats(1e-9, 99)})),
        restarts=st.integers(1, MAX_RESTARTS),
        seed=seeds,
        title=text,
        source=text,
    ),
    st.builds(DownloadSpec, model=text),
    st.builds(
        GenerateSpec, model=text, context=text, length=st.integers(1, MAX_LENGTH), seed=seeds
    ),
)


@given(specs)
def test_a_spec_comes_back_as_it_was(spec: JobSpec) -> None:
    assert parse(spec.model_dump_json()) == spec


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_left_out_takes_its_default(kind: str) -> None:
    spec = parse(json.dumps(OTHERS[kind]))
    assert spec.kind == kind
    if not isinstance(spec, DownloadSpec):
        assert spec.seed == 0
    if isinstance(spec, ReconstructSpec):
        assert (spec.title, spec.source, spec.recipe) == ("", "own", FAST)


@pytest.mark.parametrize("kind", OTHERS)
def test_a_spec_cannot_be_changed(kind: str) -> None:
    spec = parse(json.dumps(OTHERS[kind]))
    with pytest.raises(ValueError, match="frozen"):
        spec.model = "another"


OUT_OF_RANGE = [
    ("length", 0), ("length", MAX_LENGTH + 1), ("length", 2.5), ("length", "many"),
    ("restarts", 0), ("restarts", MAX_RESTARTS + 1), ("seed", -1), ("seed", 2**31),
    ("arrangement", "A4"), ("arrangement", None), ("text", "x" * 200_001), ("title", "x" * 301),
    ("recipe", "fast"), ("model", None), ("unknown", 1),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), OUT_OF_RANGE, ids=lambda v: str(v)[:12])
def test_a_setting_that_cannot_be_used_is_named_in_one_sentence(field: str, value: object) -> None:
    with pytest.raises(BadInputError) as raised:
        parse(json.dumps(ASKED | {field: value}))
    sentence = str(raised.value)
    assert field in sentence and sentence.endswith(".") and "\n" not in sentence
    assert len(sentence) < 300 and "pydantic" not in sentence


@pytest.mark.parametrize(
    ("field", "value"), [("lr", 0), ("lr", "inf"), ("beta1", 1), ("max_steps", 0), ("momentum", 1)]
)
def test_a_field_of_the_recipe_is_named_with_it(field: str, value: object) -> None:
    with pytest.raises(BadInputError, match=rf"recipe\.{field}”"):
        parse(json.dumps(ASKED | {"recipe": FAST.model_dump() | {field: value}}))


@pytest.mark.parametrize("kind", OTHERS)
def test_a_field_that_is_unknown_or_missing_is_an_error(kind: str) -> None:
    with pytest.raises(BadInputError, match="surprise"):
        parse(json.dumps(OTHERS[kind] | {"surprise": 1}))
    with pytest.raises(BadInputError, match="model"):
        parse(json.dumps({key: value for key, value in OTHERS[kind].items() if key != "model"}))


@pytest.mark.parametrize("written", ["", "null", "[]", "{}", '{"kind": "dance"}', "{", "\0"])
def test_what_is_no_spec_is_said(written: str) -> None:
    with pytest.raises(BadInputError, match=r"cannot be (used|read): .+\.$"):
        parse(written)


def test_every_setting_is_described() -> None:
    for kind in (ReconstructSpec, DownloadSpec, GenerateSpec):
        undescribed = {
            name for name, field in kind.model_fields.items() if field.description is None
        }
        assert undescribed <= {"kind", "arrangement", "recipe"}
