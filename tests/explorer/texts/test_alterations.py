from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers

from explorer.assets.tokenizing import Tokenizer
from explorer.texts.alterations import find_alteration, find_alterations

TEXT = "The Heron waits by Straße 7"


@pytest.fixture
def byte_level(tiny_llama_folder: Path) -> Callable[..., Tokenizer]:
    """Make the tiny tokenizer, with a normaliser of one's own."""

    def make(normalizer: Any = None) -> Tokenizer:
        backend = tokenizers.Tokenizer.from_file(str(tiny_llama_folder / "tokenizer.json"))
        if normalizer is not None:
            backend.normalizer = normalizer
        return Tokenizer(backend, bos_id=0)

    return make


@pytest.fixture
def words() -> Tokenizer:
    """Whole words, and <unk> for the rest."""
    vocabulary = {"<unk>": 0, "the": 1, "heron": 2, "waits": 3}
    backend = tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    backend.decoder = decoders.WordPiece(prefix="##", cleanup=False)
    return Tokenizer(backend, bos_id=None)


@pytest.mark.parametrize("count", [1, 3, 8, 100])
@pytest.mark.parametrize("text", [TEXT, " a\n\tb", "👩\u200d🚀 日本", "e\u0301"])
def test_a_text_that_is_kept_has_no_alteration(
    byte_level: Callable[..., Tokenizer], text: str, count: int
) -> None:
    tokenizer = byte_level()
    assert find_alteration(text, tokenizer, tokenizer.encode(text)[:count]) is None


def test_small_letters_are_said_and_marked(byte_level: Callable[..., Tokenizer]) -> None:
    tokenizer = byte_level(normalizers.Lowercase())
    ids = tokenizer.encode(TEXT)
    found = find_alteration(TEXT, tokenizer, ids)
    assert found is not None
    assert (found.typed, found.learned) == ("The", "the")
    assert "reads “The” as “the”" in found.sentence
    marked = [tokenizer.groups(ids)[g].text for g in found.groups]
    assert "".join(marked).replace(" ", "").startswith("th")
    assert len(found.groups) < len(tokenizer.groups(ids))


def test_only_what_is_learned_counts(byte_level: Callable[..., Tokenizer]) -> None:
    tokenizer = byte_level(normalizers.Replace("ß", "ss"))
    ids = tokenizer.encode(TEXT)
    before = len(tokenizer.encode("The Heron waits by"))
    assert find_alteration(TEXT, tokenizer, ids[:before]) is None
    found = find_alteration(TEXT, tokenizer, ids)
    assert found is not None
    assert (found.typed, found.learned) == ("Straße", "Strasse")


def test_composed_accents_are_said(byte_level: Callable[..., Tokenizer]) -> None:
    tokenizer = byte_level(normalizers.NFC())
    text = "un cafe\u0301 noir"
    found = find_alteration(text, tokenizer, tokenizer.encode(text))
    assert found is not None and found.learned == "caf\u00e9"
    assert "other Unicode characters" in found.sentence


def test_what_is_left_out_is_said(byte_level: Callable[..., Tokenizer]) -> None:
    tokenizer = byte_level(normalizers.Strip())
    found = find_alteration("heron \n", tokenizer, tokenizer.encode("heron \n"))
    assert found is not None and "leaves out" not in found.typed
    assert "↵" in found.sentence
    assert found.groups


def test_unknown_words_are_said(words: Tokenizer) -> None:
    text = "the grey heron waits"
    found = find_alteration(text, words, words.encode(text))
    assert found is not None
    assert (found.typed, found.learned) == ("grey", "<unk>")
    assert find_alteration("the heron waits", words, words.encode("the heron waits")) is None


def test_a_long_word_is_not_quoted_whole(byte_level: Callable[..., Tokenizer]) -> None:
    tokenizer = byte_level(normalizers.Lowercase())
    text = "A" * 300
    found = find_alteration(text, tokenizer, tokenizer.encode(text))
    assert found is not None and len(found.sentence) < 250


def test_of_several_texts_the_first_change_is_said(byte_level: Callable[..., Tokenizer]) -> None:
    small, plain = byte_level(normalizers.Lowercase()), byte_level(None)
    given = ["a heron waits", "The tram goes home", "Straße"]
    said = find_alterations(given, (), small, 8)
    assert said is not None and said.startswith(
        "This model's tokenizer changes some of the texts: it reads “The” as “the”."
    )
    assert "changes the texts: it reads “The”" in (find_alterations(given[1:], (), small, 8) or "")
    assert find_alterations(given, ("unseen", "random"), plain, 8) is None


def test_a_passage_stands_for_a_source(byte_level: Callable[..., Tokenizer]) -> None:
    small = byte_level(normalizers.Lowercase())
    for source in ("unseen", "pg19"):  # nothing is fetched to say it
        assert "changes the text: it reads" in (find_alterations((), (source,), small, 64) or "")
    assert find_alterations((), ("generated",), small, 64) is None
