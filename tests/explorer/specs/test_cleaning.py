import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.specs.cleaning import clean

any_text = st.text(st.characters(exclude_categories=()))
"""Lone surrogates and control characters included."""


@given(any_text)
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert once.encode("utf-8").decode("utf-8") == once
    assert not set(once) & {"\0", "\r"}


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r")))
def test_cleaning_keeps_everything_that_is_text(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("dirty", "cleaned"),
    [
        ("a\r\nb\rc\n", "a\nb\nc\n"),
        ("a\r\0\nb", "a\nb"),
        ("\ud83d\ude00 \ud83d!\ude00", "😀 !"),
        ("\ufeffשלום <b>&amp;</b> 👩‍🚀", "\ufeffשלום <b>&amp;</b> 👩‍🚀"),
    ],
)
def test_cleaning_examples(dirty: str, cleaned: str) -> None:
    assert clean(dirty) == cleaned
