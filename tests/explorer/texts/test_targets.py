from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.assets.tokenizing import Tokenizer
from explorer.base.errors import BadInputError
from explorer.texts.targets import target_ids


@given(st.text(max_size=40), st.integers(1, 12))
def test_a_target_is_the_beginning_of_the_text(
    tokenizer: Tokenizer, text: str, length: int
) -> None:
    ids = tokenizer.encode(text)
    if text.strip() and len(ids) >= length:
        assert target_ids(text, tokenizer, length) == ids[:length]
        assert target_ids(text, tokenizer, None) == ids
    else:
        with pytest.raises(BadInputError):
            target_ids(text, tokenizer, length)


@pytest.mark.parametrize(
    ("text", "length", "positions", "sentence"),
    [
        ("", 4, None, "The text is empty."),
        ("", None, None, "The text is empty."),
        (" \n\t ", 4, None, "nothing but white space"),
        ("q", 4, None, "The text is a single token and 4 are wanted."),
        ("qqqqq", 9, None, "The text has 5 tokens and 9 are wanted. Use a longer text"),
        ("some text", 0, None, "A target of 0 tokens is impossible."),
        ("some text", -3, None, "A target of -3 tokens is impossible."),
        ("some text", 200, 127, "positions for 127 target tokens and 200 are wanted."),
        ("qqqqq", None, 4, "The whole text has more than 4 tokens."),
        ("q " * 9_999, None, None, "The whole text has more than 2,048 tokens."),
        ("q " * 9_999, None, 5_000, "The whole text has more than 2,048 tokens."),
    ],
)
def test_a_target_that_is_impossible_is_explained(
    text: str, length: int | None, positions: int | None, sentence: str, tokenizer: Tokenizer
) -> None:
    with pytest.raises(BadInputError) as caught:
        target_ids(text, tokenizer, length, positions)
    assert sentence in str(caught.value)


def test_a_target_may_take_the_last_position(tokenizer: Tokenizer) -> None:
    assert len(target_ids("q" * 20, tokenizer, 20, max_positions=20)) == 20
    assert len(target_ids("qqqqq", tokenizer, None, max_positions=5)) == 5


def test_a_target_does_not_read_all_of_a_long_text(tokenizer: Tokenizer) -> None:
    """A million characters cost no more than their beginning."""
    seen: list[int] = []

    class Watched(Tokenizer):
        def _encode(self, text: str) -> Any:
            seen.append(len(text))
            return super()._encode(text)

    watched = Watched(tokenizer.backend, tokenizer.bos_id)
    assert len(target_ids("The heron waits. " * 60_000, watched, 24)) == 24
    assert max(seen) < 10_000
