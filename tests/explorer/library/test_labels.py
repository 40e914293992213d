import pytest

from explorer.base.errors import BadInputError
from explorer.library import labels
from explorer.library.labels import Label


def test_a_label_is_kept_cleaned_and_read_again() -> None:
    put = labels.put(
        "solution", "a", name="  My \n text ", note=" first ", tags=["x  y", "z", "x y"]
    )
    assert put == Label(name="My text", note="first", tags=("x y", "z"))
    assert labels.labels("solution") == {"a": put}
    assert labels.labels("job") == {}


def test_a_label_is_replaced_and_an_empty_one_is_none() -> None:
    labels.put("run", "a", name="one", note="", tags=[])
    labels.put("run", "b", name="two", note="", tags=["t"])
    labels.put("run", "a", name="three", note="n", tags=[])
    assert {i: label.name for i, label in labels.labels("run").items()} == {
        "a": "three",
        "b": "two",
    }
    labels.put("run", "a", name=" ", note="\n", tags=["  "])
    assert set(labels.labels("run")) == {"b"}
    labels.forget("run", ["b", "nobody"])
    assert labels.labels("run") == {}


@pytest.mark.parametrize("text", ["<b>*x*</b>", "'; DROP TABLE labels; --", "👩‍🚀 שלום", "a\x00b"])
def test_any_words_survive(text: str) -> None:
    labels.put("set", "s'1", name=text, note=text, tags=[text])
    (label,) = labels.labels("set").values()
    assert label.note == text and label.name == text and label.tags == (text,)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "x" * 121}, "“name” takes at most 120 characters"),
        ({"note": "x" * 4_001}, "“note” takes at most 4,000 characters"),
        ({"tags": ["x" * 41]}, "A tag has at most 40 characters"),
        ({"tags": [f"t{n}" for n in range(21)]}, "“tags” takes at most 20 values"),
    ],
)
def test_labels_that_are_too_long_are_said(fields: dict[str, object], sentence: str) -> None:
    with pytest.raises(BadInputError, match=sentence):
        labels.put("job", "a", **{"name": "", "note": "", "tags": []} | fields)  # type: ignore[arg-type]
    assert labels.labels("job") == {}
