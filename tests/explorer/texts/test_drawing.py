import json
from itertools import pairwise
from pathlib import Path

import pytest

from explorer.assets.tokenizing import Tokenizer
from explorer.base.errors import BadInputError
from explorer.texts.drawing import draw, draw_many
from explorer.texts.targets import target_ids


@pytest.mark.usefixtures("plays")
def test_many_passages_are_long_enough_and_do_not_overlap(tokenizer: Tokenizer) -> None:
    many = draw_many("seen", 12, 0, tokenizer, 128)
    spans: dict[str, list[tuple[int, int]]] = {}
    for passage in many:
        ids = target_ids(passage.text, tokenizer, 128)
        end = passage.start + len(tokenizer.decode(ids))
        spans.setdefault(passage.work, []).append((passage.start, end))
    for taken in spans.values():
        ordered = sorted(taken)
        assert all(one[1] <= two[0] for one, two in pairwise(ordered))
    assert len(many) == 12
    assert draw_many("seen", 5, 0, tokenizer, 128) == many[:5]
    assert [draw(passage.spec) for passage in many] == many
    assert draw_many("seen", 5, 1, tokenizer, 128) != many[:5]


def test_many_from_a_corpus_leave_out_what_is_short_or_double(
    tmp_path: Path, tokenizer: Tokenizer
) -> None:
    file = tmp_path / "own.jsonl"
    lines = ["short", "The same long text.", "The same long text.", "Another one of these."]
    file.write_text("\n".join(json.dumps({"text": line}) for line in lines))
    drawn = draw_many("corpus", 2, 0, tokenizer, 5, file)
    assert sorted(passage.text for passage in drawn) == [lines[3], lines[1]]
    with pytest.raises(BadInputError, match="gives 2 texts of 5 tokens that do not overlap, and 3"):
        draw_many("corpus", 3, 0, tokenizer, 5, file)


@pytest.mark.parametrize(
    ("source", "count", "length", "sentence"),
    [
        ("own", 1, 1, "are not drawn"),
        ("generated", 1, 1, "are not drawn"),
        ("random", 0, 1, "at least one text"),
        ("random", 1, 0, "at least one text"),
        ("corpus", 1, 1, "needs the setting “path”"),
        ("random", 1, 200_000, "“characters”"),
    ],
)
def test_many_of_nothing_are_explained(
    source: str, count: int, length: int, sentence: str, tokenizer: Tokenizer
) -> None:
    with pytest.raises(BadInputError) as caught:
        draw_many(source, count, 0, tokenizer, length)
    assert sentence in str(caught.value)


def test_a_source_of_short_texts_is_given_up(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("explorer.texts.drawing.MAX_MISSES", 3)
    monkeypatch.setattr("explorer.texts.drawing.CHARACTERS_PER_TOKEN", 0.001)
    with pytest.raises(BadInputError, match="gives 0 texts of 9,999 tokens"):
        draw_many("random", 1, 0, tokenizer, 9_999)
