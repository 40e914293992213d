import pytest

from explorer.base.errors import BadInputError
from explorer.texts import own
from explorer.texts.drawing import draw
from explorer.texts.own import from_upload


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_an_upload_is_read_in_every_usual_encoding(encoding: str) -> None:
    passage = from_upload("note.txt", "Grüße, שלום\r\n😀".encode(encoding))
    assert passage.text == "Grüße, שלום\n😀"
    assert passage.title == "note.txt"
    assert passage.source == "own"
    assert draw(passage.spec) == passage


def test_an_upload_loses_its_nul_characters() -> None:
    assert from_upload("note.txt", b"twenty letters and o\0ne").text == ("twenty letters and one")


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        "Grüße".encode("latin-1"),
        "no mark".encode("utf-16-le"),
        bytes(100),
        b"\xff\xfea",
    ],
    ids=["png", "latin-1", "utf-16 without mark", "zeros", "half a character"],
)
def test_an_upload_that_is_not_text_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(BadInputError, match=r"photo\.txt is not text in UTF-8"):
        from_upload("photo.txt", data)


@pytest.mark.parametrize("data", [b"", b" \n\t", b"\xef\xbb\xbf"])
def test_an_empty_upload_is_refused(data: bytes) -> None:
    with pytest.raises(BadInputError, match=r"note\.txt is empty"):
        from_upload("note.txt", data)


def test_an_upload_has_a_size_limit() -> None:
    with pytest.raises(BadInputError, match=r"book\.txt has 10 MB and a text may have 10 MB"):
        from_upload("book.txt", bytes(own.MAX_UPLOAD_BYTES + 1))
