import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from explorer.base.errors import MissingAssetError
from explorer.specs.cleaning import clean
from explorer.specs.texts import PG19Spec
from explorer.texts import pg19
from explorer.texts.drawing import draw


def _book(number: int) -> str:
    paragraph = f"Paragraph {{}} of book {number}, long enough\r\n to begin a passage. " + "x " * 99
    return f"BOOK {number}\r\n\r\n" + "\r\n\r\n".join(paragraph.format(n) for n in range(30))


@pytest.fixture
def books(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A stream of a hundred made-up books; the list says which ones were read."""
    read: list[int] = []

    def stream() -> Iterator[dict[str, Any]]:
        for number in range(pg19.BOOKS):
            read.append(number)
            yield {"short_book_title": f"Book {number}", "text": _book(number)}

    monkeypatch.setattr(pg19, "_open_stream", stream)
    pg19._books.cache_clear()
    yield read
    pg19._books.cache_clear()


def test_a_book_gives_a_passage_that_starts_with_a_paragraph(books: list[int]) -> None:
    passage = draw(PG19Spec(seed=1))
    number = int(passage.work.removeprefix("pg19/"))
    assert passage.title == f"Book {number}"
    assert clean(_book(number))[passage.start :].startswith(passage.text)
    assert passage.text.startswith("Paragraph ")
    assert "long enough\n to begin" in passage.text
    assert books == list(range(number + 1))
    assert draw(passage.spec) == passage
    assert books == list(range(number + 1))


@pytest.mark.usefixtures("books")
def test_every_book_is_used_before_one_is_used_again() -> None:
    drawn = [draw(PG19Spec(seed=2, index=n)) for n in range(pg19.BOOKS + 1)]
    assert len({passage.work for passage in drawn[:-1]}) == pg19.BOOKS
    assert drawn[-1].work == drawn[0].work
    assert drawn[-1].start != drawn[0].start
    assert len({passage.start for passage in drawn}) > 5


@pytest.mark.end_to_end
def test_without_a_hub_there_is_shakespeare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    code = (
        "import sys\n"
        "from explorer.specs.texts import PG19Spec\n"
        "from explorer.texts.drawing import draw\n"
        "from explorer.base.errors import MissingAssetError\n"
        "try:\n"
        "    draw(PG19Spec())\n"
        "except MissingAssetError as error:\n"
        "    print(error)\n"
        "print('torch' in sys.modules)\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "PG-19 cannot be streamed" in shown.stdout
    assert "Choose Shakespeare" in shown.stdout
    assert shown.stdout.endswith("False\n")


def test_a_stream_that_breaks_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = 0

    def stream() -> Iterator[dict[str, Any]]:
        nonlocal opened
        opened += 1
        if opened == 1:
            yield {"short_book_title": "Book 0", "text": _book(0)}
            raise ConnectionError
        for number in range(pg19.BOOKS):
            yield {"short_book_title": f"Book {number}", "text": _book(number)}

    monkeypatch.setattr(pg19, "_open_stream", stream)
    books = pg19._Books()
    with pytest.raises(MissingAssetError, match=r"\(ConnectionError\)"):
        books[5]
    assert books[5][0] == "Book 5"
