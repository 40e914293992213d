import json
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import decoders, models, normalizers, pre_tokenizers

from explorer.assets.tokenizing import Group, Tokenizer
from explorer.base.errors import BadInputError, ModelError

GOLDEN = Path(__file__).parents[2] / "data" / "golden_token_ids.json"

WORDS = st.sampled_from(
    ["heron", " tram", "a", "the ", "7", "1987", " ", "\n", "\t", " \n", "'s", "!", "é", "e\u0301",
     "日本", "👩\u200d🚀", "🇩🇪", "שלום", "<|endoftext|>", "\u00a0"]
)  # fmt: skip
RUNS = st.lists(st.tuples(WORDS, st.integers(1, 60)), min_size=1, max_size=6).map(
    lambda runs: "".join(word * count for word, count in runs)
)


@pytest.fixture(scope="session")
def neox(tiny_neox_folder: Path) -> Tokenizer:
    return Tokenizer.load(tiny_neox_folder)


@pytest.fixture(scope="session")
def llama3(tiny_llama_folder: Path) -> Tokenizer:
    """Llama-3's way to split text, over the tiny vocabulary."""
    backend = tokenizers.Tokenizer.from_file(str(tiny_llama_folder / "tokenizer.json"))
    pattern = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(tokenizers.Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return Tokenizer(backend, bos_id=0)


@pytest.fixture(scope="session")
def right_aligned(tiny_neox_folder: Path) -> Tokenizer:
    """Digits in threes from the right, and composed characters: both look far ahead."""
    backend = tokenizers.Tokenizer.from_file(str(tiny_neox_folder / "tokenizer.json"))
    backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(tokenizers.Regex(r"\d{1,3}(?=(?:\d{3})*(?!\d))"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    return Tokenizer(backend, bos_id=None)


@pytest.fixture(scope="session")
def sentencepiece() -> Tokenizer:
    """Byte fallback in the manner of Llama 2: a space is ▁, and one is put before the text."""
    letters = ["▁", "a", "b", "▁a", "ab"]
    vocabulary = [f"<0x{byte:02X}>" for byte in range(256)] + letters
    backend = tokenizers.Tokenizer(
        models.BPE(
            {token: i for i, token in enumerate(vocabulary)},
            [("▁", "a"), ("a", "b")],
            byte_fallback=True,
        )
    )
    backend.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    backend.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    return Tokenizer(backend, bos_id=None)


@given(text=st.text())
def test_byte_level_decoding_returns_the_text(neox: Tokenizer, text: str) -> None:
    assert neox.decode(neox.encode(text)) == text


@pytest.mark.parametrize("looks", ["<|endoftext|>", "a<|endoftext|>b", "<|endoftext|>" * 3])
def test_text_never_becomes_a_special_token(neox: Tokenizer, looks: str) -> None:
    ids = neox.encode(looks)

    assert neox.bos_id == 0
    assert 0 not in ids
    assert neox.decode(ids) == looks


def test_settings_for_training_batches_are_ignored(
    tiny_neox_folder: Path, copied_folder: Callable[[Path], Path]
) -> None:
    folder = copied_folder(tiny_neox_folder)
    backend = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    backend.enable_truncation(4)
    backend.enable_padding(length=64)
    backend.save(str(folder / "tokenizer.json"))

    text = "The heron waits by the reservoir."
    assert Tokenizer.load(folder).encode(text) == Tokenizer.load(tiny_neox_folder).encode(text)


@given(text=st.text(max_size=60))
def test_groups_cover_the_tokens_and_say_the_text(
    neox: Tokenizer, sentencepiece: Tokenizer, text: str
) -> None:
    for tokenizer in (neox, sentencepiece):
        ids = tokenizer.encode(text)
        groups = tokenizer.groups(ids)

        assert [i for group in groups for i in range(group.start, group.stop)] == [*range(len(ids))]
        assert "".join(group.text for group in groups) == tokenizer.decode(ids)


@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd")))
def test_only_split_characters_make_groups_of_several_tokens(neox: Tokenizer, text: str) -> None:
    ids = neox.encode(text)
    for group in neox.groups(ids):
        for cut in range(group.start + 1, group.stop):
            assert neox.decode(ids[group.start : cut]).endswith("\ufffd")


@given(data=st.data())
def test_predicted_ids_show_without_merging(neox: Tokenizer, data: st.DataObject) -> None:
    ids = data.draw(st.lists(st.integers(0, neox.backend.get_vocab_size() + 20), max_size=40))
    groups = neox.groups(ids)

    assert [i for group in groups for i in range(group.start, group.stop)] == [*range(len(ids))]
    assert all(group.stop - group.start <= 4 for group in groups)  # a character has four bytes
    assert all(group.text for group in groups)


def test_a_split_character_is_one_group_and_a_part_of_it_is_not(neox: Tokenizer) -> None:
    ids = neox.encode("a한b")

    assert neox.groups(ids) == [Group(0, 1, "a"), Group(1, 4, "한"), Group(4, 5, "b")]
    assert [group.text for group in neox.groups(ids[:3])] == ["a", "\ufffd", "\ufffd"]
    assert neox.pieces(ids) == ["a", "\ufffd", "\ufffd", "\ufffd", "b"]


def test_byte_fallback_tokens_are_grouped(sentencepiece: Tokenizer) -> None:
    ids = sentencepiece.encode("ab é")

    assert [group.text for group in sentencepiece.groups(ids)] == ["a", "b", " ", "é"]
    assert sentencepiece.pieces(ids) == [" a", "b", " ", "\ufffd", "\ufffd"]


@given(text=RUNS, max_tokens=st.integers(0, 20))
@settings(max_examples=300)
def test_a_prefix_is_encoded_as_in_the_whole_text(
    neox: Tokenizer, llama3: Tokenizer, right_aligned: Tokenizer, text: str, max_tokens: int
) -> None:
    with patch("explorer.assets.tokenizing.MARGIN", 24):  # so that short texts are cut, too
        for tokenizer in (neox, llama3, right_aligned):
            ids = tokenizer.encode(text)
            prefix = ids[:max_tokens], len(ids) > max_tokens
            assert tokenizer.encode_prefix(text, max_tokens) == prefix


@pytest.mark.parametrize(
    "text", ["x" * 1_000_000, "tram heron " * 90_000, "日本語" * 333_000, "!\n" * 500_000]
)
def test_the_start_of_a_million_characters_is_encoded_at_once(neox: Tokenizer, text: str) -> None:
    started = time.perf_counter()
    ids, more = neox.encode_prefix(text, 256)

    assert time.perf_counter() - started < 0.5
    assert len(ids) == 256
    assert more


@pytest.mark.parametrize(
    ("tokenizer_config", "special_tokens_map", "config", "expected"),
    [
        ({"bos_token": "<|endoftext|>"}, None, {"bos_token_id": 5}, 0),
        ({"bos_token": {"content": "<|endoftext|>"}}, None, {}, 0),
        ({}, {"bos_token": "<|endoftext|>"}, {"bos_token_id": 5}, 0),
        ({}, None, {"bos_token_id": 0}, 0),
        (None, None, {"bos_token_id": 0}, 0),
        (None, None, {"bos_token_id": 10**9}, None),
        ({"bos_token": None}, None, {"bos_token_id": 0}, None),
        ({"bos_token": "<nowhere>"}, None, {}, None),
        ({}, None, {}, None),
    ],
)
def test_bos(
    tiny_neox_folder: Path,
    tmp_path: Path,
    tokenizer_config: object,
    special_tokens_map: object,
    config: object,
    expected: int | None,
) -> None:
    (tmp_path / "tokenizer.json").write_bytes((tiny_neox_folder / "tokenizer.json").read_bytes())
    for name, value in (
        ("tokenizer_config", tokenizer_config),
        ("special_tokens_map", special_tokens_map),
        ("config", config),
    ):
        if value is not None:
            (tmp_path / f"{name}.json").write_text(json.dumps(value))

    assert Tokenizer.load(tmp_path).bos_id == expected


def test_a_missing_tokenizer_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no tokenizer\.json"):
        Tokenizer.load(tmp_path)


@pytest.mark.parametrize("content", ["", "{", '{"version": "1.0"}', "[]"])
def test_a_broken_tokenizer_is_said(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokenizer.json").write_text(content)

    with pytest.raises(ModelError, match="cannot be read as a tokenizer"):
        Tokenizer.load(tmp_path)


def test_half_a_character_is_said(neox: Tokenizer) -> None:
    with pytest.raises(BadInputError, match="Character 3 of the text"):
        neox.encode("ab\ud83d")


@pytest.mark.embedded
@pytest.mark.parametrize(
    "case", json.loads(GOLDEN.read_text())["cases"], ids=lambda c: c["text"][:12]
)
def test_embedded_token_ids_are_those_of_llama_cpp(
    embedded: Tokenizer, case: dict[str, object]
) -> None:
    text = str(case["text"])
    assert embedded.encode(text) == case["ids"]
    assert embedded.encode_prefix(text, 10)[0] == embedded.encode(text)[:10]


@pytest.mark.embedded
def test_embedded_numbers_are_split_into_digits(embedded: Tokenizer) -> None:
    assert embedded.pieces(embedded.encode("in 1987")) == ["in", " ", "1", "9", "8", "7"]
    assert embedded.decode([embedded.bos_id or 0]) == "<|im_start|>"


@pytest.fixture(scope="session")
def embedded(embedded_folder: Path) -> Tokenizer:
    return Tokenizer.load(embedded_folder)


def _with_added(folder: Path, *words: str) -> Path:
    """Add words to a folder's tokenizer, beyond its 300 tokens."""
    backend = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    backend.add_tokens(list(words))
    backend.save(str(folder / "tokenizer.json"))
    return folder


def test_a_token_without_an_embedding_is_said_before_anything_runs(
    tiny_llama_folder: Path, copied_folder: Callable[[Path], Path]
) -> None:
    tokenizer = Tokenizer.load(_with_added(copied_folder(tiny_llama_folder), "<tram>"))
    assert max(tokenizer.encode("The heron")) < 300
    for read in (tokenizer.encode, lambda text: tokenizer.encode_prefix(text, 2)):
        with pytest.raises(BadInputError, match=r"“<tram>”, token 300 .* 300 tokens only"):
            read("The <tram> waits")


def test_a_beginning_without_an_embedding_is_none(
    tiny_llama_folder: Path, copied_folder: Callable[[Path], Path]
) -> None:
    folder = copied_folder(tiny_llama_folder)
    _with_added(folder, "<s>")
    (folder / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<s>"}))
    assert Tokenizer.load(folder).bos_id is None


@pytest.mark.parametrize(
    ("named", "expected"), [([7, 8], 7), ([], None), (True, None), (-1, None), (10**30, None)]
)
def test_several_beginnings_and_none(
    tiny_llama_folder: Path,
    copied_folder: Callable[[Path], Path],
    named: object,
    expected: int | None,
) -> None:
    folder = copied_folder(tiny_llama_folder)
    (folder / "tokenizer_config.json").unlink()
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"bos_token_id": named}))
    assert Tokenizer.load(folder).bos_id == expected


def test_accented_added_tokens_show_as_they_are_written(
    tiny_llama_folder: Path, copied_folder: Callable[[Path], Path]
) -> None:
    folder = _with_added(copied_folder(tiny_llama_folder), "café", "naïve")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": 310}))
    tokenizer = Tokenizer.load(folder)
    ids = tokenizer.encode("A café, naïve")
    assert tokenizer.pieces([300, 301]) == ["café", "naïve"]
    assert "".join(group.text for group in tokenizer.groups(ids)) == "A café, naïve"


def test_a_tokenizer_of_a_newer_version_is_not_to_be_fetched_again(
    tiny_llama_folder: Path, copied_folder: Callable[[Path], Path]
) -> None:
    file = copied_folder(tiny_llama_folder) / "tokenizer.json"
    content = json.loads(file.read_text())
    content["model"]["type"] = "BPE3"
    file.write_text(json.dumps(content))
    with pytest.raises(ModelError, match=f"newer version.*{tokenizers.__version__}.*upgrade"):
        Tokenizer.load(file.parent)
    file.write_text(file.read_text()[:-20])
    with pytest.raises(ModelError, match="Fetch the model again"):
        Tokenizer.load(file.parent)
