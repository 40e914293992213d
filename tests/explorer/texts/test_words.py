from pathlib import Path

import pytest

from explorer.base.errors import BadInputError
from explorer.specs.texts import RandomSpec
from explorer.texts import words
from explorer.texts.drawing import draw


def test_random_words_come_from_the_list_and_follow_the_seed() -> None:
    passage = draw(RandomSpec(seed=1))
    assert set(passage.text.split(" ")) <= set(words.frequent_words())
    assert len(words.frequent_words()) == words.VOCABULARY
    assert passage.text != draw(RandomSpec(seed=2)).text
    assert passage.text != draw(RandomSpec(seed=1, index=1)).text
    longer = draw(RandomSpec(seed=1, characters=9_000))
    assert longer.text.startswith(passage.text)
    assert 8_900 < len(longer.text) <= 9_000


def test_random_words_are_uniform(tmp_path: Path) -> None:
    glove = tmp_path / "glove.txt"
    glove.write_text("".join(f"w{n} 0.1 0.2\n" for n in range(10)), encoding="utf-8")
    drawn = draw(RandomSpec(seed=0, path=glove, characters=30_000)).text.split()
    shares = [drawn.count(f"w{n}") / len(drawn) for n in range(10)]
    assert len(drawn) > 9_000
    assert max(abs(share - 0.1) for share in shares) < 0.015  # five standard deviations


def test_a_glove_file_gives_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "VOCABULARY", 3)
    glove = tmp_path / "glove.txt"
    glove.write_text(
        "the 0.1 -2e-3 3 \r\nat name@domain.com 1 2 3\ncafé\x85 1 2 3\nnot read any more\n",
        encoding="utf-8",
    )
    assert words.glove_words(glove) == ("the", "at name@domain.com", "café\x85")
    glove.write_text("new 1 2 3\n", encoding="utf-8")
    assert words.glove_words(glove) == ("new",)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "is empty"),
        (b"just some prose\nhere\n", "line 1 is not a word followed by"),
        (b"the 0.1 0.2 0.3\nof 0.1 0.2\n", "line 2 is not a word followed by as many"),
        (b"400000 300\n", "line 1 is not a word"),
        (b"word\nother\n", "line 1 is not a word"),
        (b"We waited until 1987\n", "line 1 is not a word"),
        (b"x" * 300_000, "line 1 is not a word"),
        (b"PK\x03\x04\xff\xfe\x00", "unpack it"),
    ],
)
def test_a_file_that_is_not_glove_is_explained(tmp_path: Path, data: bytes, sentence: str) -> None:
    glove = tmp_path / "vectors.txt"
    glove.write_bytes(data)
    with pytest.raises(BadInputError) as caught:
        draw(RandomSpec(path=glove))
    assert "vectors.txt" in str(caught.value)
    assert sentence in str(caught.value)


def test_a_glove_file_that_is_not_there_is_explained(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="cannot be read"):
        draw(RandomSpec(path=tmp_path / "none.txt"))
    with pytest.raises(BadInputError, match="cannot be read"):
        draw(RandomSpec(path=tmp_path))
