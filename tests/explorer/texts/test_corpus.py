import json
from pathlib import Path

import pytest

from explorer.base.errors import BadInputError
from explorer.specs.texts import CorpusSpec
from explorer.texts import corpus
from explorer.texts.corpus import read_corpus
from explorer.texts.drawing import draw


def test_a_folder_gives_its_text_files(folder: Path) -> None:
    assert read_corpus(folder) == tuple((f"{name}.txt", f"The text of {name}.\n") for name in "abc")
    drawn = [draw(CorpusSpec(path=folder, seed=1, index=n)) for n in range(3)]
    assert sorted(p.text for p in drawn) == [f"The text of {name}." for name in "abc"]
    assert {p.title for p in drawn} == {"a.txt", "b.txt", "c.txt"}
    with pytest.raises(BadInputError, match="There are 3 texts in corpus"):
        draw(CorpusSpec(path=folder, index=3))


def test_a_changed_file_is_read_again(folder: Path) -> None:
    before = read_corpus(folder)
    (folder / "a.txt").write_text("Something else entirely.")
    assert read_corpus(folder) != before


def test_jsonl_gives_the_text_of_every_line(tmp_path: Path) -> None:
    file = tmp_path / "own.jsonl"
    lines = [{"text": "One\u2028 \u0085line"}, {"text": "Two 😀", "id": 2}, {"text": ""}]
    file.write_text("\ufeff" + "\n\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    assert read_corpus(file) == (
        ("own.jsonl, line 1", "One\u2028 \u0085line"),
        ("own.jsonl, line 3", "Two 😀"),
        ("own.jsonl, line 5", ""),
    )


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_jsonl_may_be_utf_16_with_a_byte_order_mark_as_texts_may(
    tmp_path: Path, encoding: str
) -> None:
    file = tmp_path / "own.jsonl"
    said = '{"text": "One   ਊ line"}\r\n{"text": "Two 😀"}\r\n'  # ਊ holds the byte of a newline
    file.write_bytes(f"\ufeff{said}".encode(encoding))
    assert [text for _, text in read_corpus(file)] == ["One   ਊ line", "Two 😀"]
    file.write_bytes(file.read_bytes() + b"\x00")
    with pytest.raises(BadInputError, match=r"own\.jsonl is not text"):
        read_corpus(file)


def test_texts_that_cannot_be_read_are_named(folder: Path, tmp_path: Path) -> None:
    (folder / "broken.txt").write_bytes(b"\x80\x81")
    with pytest.raises(BadInputError, match=r"1 of 4 texts cannot be read\. broken\.txt is not"):
        draw(CorpusSpec(path=folder))

    file = tmp_path / "own.jsonl"
    bad = [b"{", b"[1]", b'{"text": 1}', b"\xff", b"[" * 100_000, b"{}", b"oops"]
    file.write_bytes(b"\n".join([b'{"text": "good"}', *bad]))
    with pytest.raises(BadInputError) as caught:
        draw(CorpusSpec(path=file))
    message = str(caught.value)
    assert "7 of 8 texts cannot be read." in message
    assert "own.jsonl, line 2 is not JSON." in message
    assert 'own.jsonl, line 3 has no "text". own.jsonl, line 4 has no "text".' in message
    assert "own.jsonl, line 5 is not text" in message
    assert "own.jsonl, line 6 is not JSON. And 2 more." in message


def test_what_is_no_corpus_is_explained(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text("\n")
    for path, sentence in {
        tmp_path / "none": "is not a corpus",
        tmp_path: "is not a corpus",
        folder / "notes.md": "is not a corpus",
        tmp_path / "none.jsonl": "cannot be read (No such file or directory)",
        tmp_path / ("x" * 300): "cannot be read (File name too long)",
        empty: "empty.jsonl holds no texts",
    }.items():
        with pytest.raises(BadInputError) as caught:
            read_corpus(path)
        assert sentence in str(caught.value)

    (folder / "dangling.txt").symlink_to(folder / "gone")
    with pytest.raises(BadInputError, match=r"dangling\.txt cannot be read"):
        read_corpus(folder)
    (folder / "dangling.txt").unlink()
    monkeypatch.setattr(corpus, "MAX_CORPUS_BYTES", 10)
    with pytest.raises(BadInputError, match="is larger than 10 B"):
        read_corpus(folder)
