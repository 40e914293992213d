import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from explorer import assets, texts
from explorer.errors import BadInputError, MissingAssetError
from explorer.texts import corpus, own, passages, pg19, shakespeare, words
from explorer.tokenizing import Tokenizer

any_text = st.text(st.characters(exclude_categories=()))
"""Lone surrogates and control characters included."""


@pytest.fixture(scope="module")
def tokenizer(tiny_llama_folder: Path) -> Tokenizer:
    return Tokenizer.load(tiny_llama_folder)


# -- cleaning ---------------------------------------------------------------------------------


@given(any_text)
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    once = texts.clean(text)
    assert texts.clean(once) == once
    assert once.encode("utf-8").decode("utf-8") == once
    assert not set(once) & {"\0", "\r"}


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r")))
def test_cleaning_keeps_everything_that_is_text(text: str) -> None:
    assert texts.clean(text) == text


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
    assert texts.clean(dirty) == cleaned


# -- own text and uploads ---------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_an_upload_is_read_in_every_usual_encoding(encoding: str) -> None:
    passage = texts.from_upload("note.txt", "Grüße, שלום\r\n😀".encode(encoding))
    assert passage.text == "Grüße, שלום\n😀"
    assert passage.title == "note.txt"
    assert passage.source == "own"
    assert texts.draw(passage.spec) == passage


def test_an_upload_loses_its_nul_characters() -> None:
    assert texts.from_upload("note.txt", b"twenty letters and o\0ne").text == (
        "twenty letters and one"
    )


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
        texts.from_upload("photo.txt", data)


@pytest.mark.parametrize("data", [b"", b" \n\t", b"\xef\xbb\xbf"])
def test_an_empty_upload_is_refused(data: bytes) -> None:
    with pytest.raises(BadInputError, match=r"note\.txt is empty"):
        texts.from_upload("note.txt", data)


def test_an_upload_has_a_size_limit() -> None:
    with pytest.raises(BadInputError, match=r"book\.txt has 10 MB and a text may have 10 MB"):
        texts.from_upload("book.txt", bytes(own.MAX_UPLOAD_BYTES + 1))


# -- specs ------------------------------------------------------------------------------------

SPECS: list[texts.TextSpec] = [
    texts.OwnSpec(text="A text\r\nof mine"),
    texts.SeenSpec(seed=3, index=2),
    texts.PG19Spec(seed=4),
    texts.UnseenSpec(seed=None, index=1),
    texts.RandomSpec(seed=5, characters=50),
    texts.CorpusSpec(path=Path("some/corpus")),
    texts.GeneratedSpec(context=texts.SeenSpec(seed=1), context_length=8, length=8, seed=2),
]


def test_there_is_a_spec_for_every_source() -> None:
    assert {spec.source for spec in SPECS} == set(texts.SOURCES)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.source)
def test_a_spec_survives_json_and_cannot_be_changed(spec: texts.TextSpec) -> None:
    adapter: TypeAdapter[texts.TextSpec] = TypeAdapter(texts.TextSpec)
    assert adapter.validate_json(spec.model_dump_json()) == spec
    with pytest.raises(ValidationError, match="frozen"):
        spec.source = "own"  # type: ignore[misc]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.source)
def test_every_field_of_a_spec_is_described(spec: BaseModel) -> None:
    fields = type(spec).model_fields
    assert all(field.description for name, field in fields.items() if name != "source")


def test_own_text_is_cleaned_in_its_spec() -> None:
    assert texts.OwnSpec(text="a\r\nb\0\ud800").text == "a\nb"


def test_a_path_in_a_spec_does_not_depend_on_the_working_folder() -> None:
    spec = texts.CorpusSpec(path=Path("some/corpus"))
    assert spec.path == Path.cwd() / "some/corpus"
    home = texts.RandomSpec(path=Path("~/glove.txt")).path
    assert home == Path.home() / "glove.txt"


@pytest.mark.parametrize(
    ("source", "fields", "sentence"),
    [
        ("sean", {}, "There is no text source “sean”. Choose one of: own, seen"),
        ("seen", {"seed": -1}, "“seed” of the text source “seen” cannot be used: input should be"),
        ("seen", {"sed": 1}, "“sed” of the text source “seen”"),
        ("corpus", {}, "“path” of the text source “corpus” cannot be used: field required"),
        ("corpus", {"path": "a\0b"}, "cannot be used: it holds a NUL character"),
        ("random", {"path": "~nobody-has-this-name/x"}, "the home folder in it is unknown"),
        ("generated", {"context": {"source": "generated"}}, "“context” of the text source"),
    ],
)
def test_a_wrong_spec_is_explained(source: str, fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInputError) as caught:
        texts.make_spec(source, **fields)
    assert sentence in str(caught.value)


def test_a_generated_text_is_only_requested_here() -> None:
    spec = SPECS[-1]
    assert isinstance(spec, texts.GeneratedSpec)
    with pytest.raises(BadInputError, match="sampled from the model"):
        texts.draw(spec)
    context = texts.draw(texts.UnseenSpec())
    passage = texts.continuation(spec, context, "and so on")
    assert (passage.text, passage.source) == ("and so on", "generated")
    assert context.title in passage.title


# -- order and excerpts -----------------------------------------------------------------------


@given(st.integers(1, 200), st.integers(0, 2**63 - 1))
def test_an_order_holds_everything_once(count: int, seed: int) -> None:
    assert sorted(passages.shuffled(count, seed)) == list(range(count))


def test_an_order_never_changes() -> None:
    """Recorded draws must come out the same under every version of Python."""
    assert passages.shuffled(8, 0) == (3, 7, 5, 2, 4, 1, 6, 0)


prose = st.text(st.sampled_from("ab \n"), max_size=60)


@given(prose, st.integers(1, 60), st.integers(1, 60))
def test_a_longer_excerpt_begins_with_the_shorter_one(text: str, one: int, other: int) -> None:
    text = text.strip()
    shorter, longer = (passages.excerpt(text, 0, size) for size in sorted((one, other)))
    assert longer.startswith(shorter)
    assert len(longer) <= max(one, other)
    if len(longer.split()) > 1 and max(map(len, text.split())) <= passages.LONGEST_WORD:
        assert set(longer.split()) <= set(text.split())


def test_an_excerpt_of_a_script_without_spaces_is_not_cut_short() -> None:
    text = "題\n" + "海" * 5_000
    assert passages.excerpt(text, 0, 4_000) == text[:4_000]


# -- Shakespeare ------------------------------------------------------------------------------

SPEECHES = "\n\n**ALL**\n".join(f"Speech number {n} says what it has to say." for n in range(300))

PLAY = f"""\
# The Tram

## ACT I

### SCENE I. A stop. Night.

_Enter ALICE and
BOB_

**ALICE**
Who waits here?
The tram is _\\[pointing]_ late.

**BOB**
__\\[Aside]_
I \\--well, I do.

_Exit ALICE_

*[He sits.]*

So, good night.

## EPILOGUE

**ALL**
[Within]_
{SPEECHES}
""".replace("\n", "  \n")
"""Markup as the wheel has it; two spaces at the end of a line break it."""


@pytest.fixture
def plays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "plays"
    for name, text in {"farces/the-tram": PLAY, "farces/no-title": PLAY.partition("\n")[2]}.items():
        file = folder / f"{name}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    monkeypatch.setattr(assets, "is_present", lambda asset: asset is assets.SHAKESPEARE)
    monkeypatch.setattr(assets, "path", lambda _: folder)
    return folder


def test_a_play_becomes_what_is_said() -> None:
    work = shakespeare.parse("farces/the-tram", PLAY)
    assert work.title == "The Tram"
    assert work.text.split("\n\n")[:4] == [
        "Who waits here? The tram is late.",
        "I --well, I do.",
        "So, good night.",
        "Speech number 0 says what it has to say.",
    ]
    assert work.places[:4] == ("act I, scene I",) * 3 + ("epilogue",)
    assert len(work.places) == len(work.starts)
    assert len(work.text) - work.starts[-1] >= 4_000


def test_a_play_without_heading_is_named_after_its_file() -> None:
    work = shakespeare.parse("farces/no-title", PLAY.partition("\n")[2])
    assert (work.title, work.places[0]) == ("No title", "act I, scene I")


def test_a_play_shorter_than_a_passage_starts_at_its_beginning() -> None:
    work = shakespeare.parse("x/short", "# Short\n\n**A**  \nOne.\n\n**B**  \nTwo.")
    assert work.starts == (0,)
    assert work.text == "One.\n\nTwo."


@pytest.mark.usefixtures("plays")
def test_a_seen_passage_starts_with_a_speech_and_says_where() -> None:
    passage = texts.draw(texts.SeenSpec(seed=1, index=7))
    work = shakespeare.parse(passage.work, PLAY)
    assert work.text[passage.start :].startswith(passage.text)
    assert work.text[: passage.start].endswith("\n\n")
    assert passage.title in {"The Tram, epilogue", "No title, epilogue"}
    assert 3_900 < len(passage.text) <= 4_000


@pytest.mark.usefixtures("plays")
def test_seeds_and_indices_walk_through_every_speech() -> None:
    def walk(seed: int) -> Iterator[tuple[str, int]]:
        for index in range(10_000):
            try:
                passage = texts.draw(texts.SeenSpec(seed=seed, index=index, characters=9))
            except BadInputError as error:
                assert f"There are {index} speeches" in str(error)
                return
            yield passage.work, passage.start

    one, other = list(walk(0)), list(walk(1))
    assert len(set(one)) == len(one) > 100
    assert one != other
    assert set(one) == set(other)


def test_plays_that_are_not_there_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "is_present", lambda _: False)
    with pytest.raises(MissingAssetError, match="python -m explorer assets"):
        texts.draw(texts.SeenSpec())


def test_plays_that_cannot_be_read_are_explained(plays: Path) -> None:
    (plays / "farces" / "broken.md").write_bytes(b"\xff\xff")
    with pytest.raises(MissingAssetError, match="cannot be read"):
        texts.draw(texts.SeenSpec())
    for file in plays.rglob("*.md"):
        file.unlink()
    with pytest.raises(MissingAssetError, match="There are no plays"):
        texts.draw(texts.SeenSpec())


@pytest.mark.embedded
def test_the_real_plays_leave_no_markup() -> None:
    works = shakespeare.works(assets.fetch(assets.SHAKESPEARE))
    assert len(works) == 38
    assert not set("".join(work.text for work in works)) & set("_*#[]\\")
    assert "Hamlet, act III, scene I" in {
        f"{work.title}, {place}" for work in works for place in work.places
    }
    hamlet = next(work for work in works if work.key.endswith("hamlet"))
    assert "To be, or not to be: that is the question: Whether 'tis nobler" in hamlet.text
    passage = texts.draw(texts.SeenSpec(seed=0))
    assert len(passage.text) > 3_900


# -- unseen -----------------------------------------------------------------------------------


def test_unseen_passages_ship_in_many_registers() -> None:
    shipped = texts.unseen_passages()
    assert len(shipped) >= 12
    assert len({passage.text for passage in shipped}) == len(shipped)
    assert all(passage.source == "unseen" and passage.title for passage in shipped)
    assert all(len(passage.text.split()) >= 250 for passage in shipped)
    assert [texts.draw(passage.spec) for passage in shipped] == shipped


def test_a_seed_reorders_the_unseen_passages() -> None:
    count = len(texts.unseen_passages())
    drawn = [texts.draw(texts.UnseenSpec(seed=1, index=index)) for index in range(count)]
    shipped = texts.unseen_passages()
    assert [p.text for p in drawn] != [p.text for p in shipped]
    assert {p.text for p in drawn} == {p.text for p in shipped}
    with pytest.raises(BadInputError, match=f"There are {count} unseen passages"):
        texts.draw(texts.UnseenSpec(seed=1, index=count))


# -- random words -----------------------------------------------------------------------------


def test_random_words_come_from_the_list_and_follow_the_seed() -> None:
    passage = texts.draw(texts.RandomSpec(seed=1))
    assert set(passage.text.split(" ")) <= set(words.frequent_words())
    assert len(words.frequent_words()) == words.VOCABULARY
    assert passage.text != texts.draw(texts.RandomSpec(seed=2)).text
    assert passage.text != texts.draw(texts.RandomSpec(seed=1, index=1)).text
    longer = texts.draw(texts.RandomSpec(seed=1, characters=9_000))
    assert longer.text.startswith(passage.text)
    assert 8_900 < len(longer.text) <= 9_000


def test_random_words_are_uniform(tmp_path: Path) -> None:
    glove = tmp_path / "glove.txt"
    glove.write_text("".join(f"w{n} 0.1 0.2\n" for n in range(10)), encoding="utf-8")
    drawn = texts.draw(texts.RandomSpec(seed=0, path=glove, characters=30_000)).text.split()
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
        (b"the 0.1 0.2 0.3\nof 0.1 0.2\n", "line 2 is not a word followed by 3 numbers"),
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
        texts.draw(texts.RandomSpec(path=glove))
    assert "vectors.txt" in str(caught.value)
    assert sentence in str(caught.value)


def test_a_glove_file_that_is_not_there_is_explained(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="cannot be read"):
        texts.draw(texts.RandomSpec(path=tmp_path / "none.txt"))
    with pytest.raises(BadInputError, match="cannot be read"):
        texts.draw(texts.RandomSpec(path=tmp_path))


# -- a corpus of one's own --------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    for name in ("b", "a", "c"):
        (folder / f"{name}.txt").write_text(f"The text of {name}.\r\n", encoding="utf-16")
    (folder / "notes.md").write_bytes(b"\xff")
    return folder


def test_a_folder_gives_its_text_files(folder: Path) -> None:
    assert texts.read_corpus(folder) == tuple(
        (f"{name}.txt", f"The text of {name}.\n") for name in "abc"
    )
    drawn = [texts.draw(texts.CorpusSpec(path=folder, seed=1, index=n)) for n in range(3)]
    assert sorted(p.text for p in drawn) == [f"The text of {name}." for name in "abc"]
    assert {p.title for p in drawn} == {"a.txt", "b.txt", "c.txt"}
    with pytest.raises(BadInputError, match="There are 3 texts in corpus"):
        texts.draw(texts.CorpusSpec(path=folder, index=3))


def test_a_changed_file_is_read_again(folder: Path) -> None:
    before = texts.read_corpus(folder)
    (folder / "a.txt").write_text("Something else entirely.")
    assert texts.read_corpus(folder) != before


def test_jsonl_gives_the_text_of_every_line(tmp_path: Path) -> None:
    file = tmp_path / "own.jsonl"
    lines = [{"text": "One\u2028 \u0085line"}, {"text": "Two 😀", "id": 2}, {"text": ""}]
    file.write_text("\ufeff" + "\n\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    assert texts.read_corpus(file) == (
        ("own.jsonl, line 1", "One\u2028 \u0085line"),
        ("own.jsonl, line 3", "Two 😀"),
        ("own.jsonl, line 5", ""),
    )


def test_texts_that_cannot_be_read_are_named(folder: Path, tmp_path: Path) -> None:
    (folder / "broken.txt").write_bytes(b"\x80\x81")
    with pytest.raises(BadInputError, match=r"1 of 4 texts cannot be read\. broken\.txt is not"):
        texts.draw(texts.CorpusSpec(path=folder))

    file = tmp_path / "own.jsonl"
    bad = [b"{", b"[1]", b'{"text": 1}', b"\xff", b"[" * 100_000, b"{}", b"oops"]
    file.write_bytes(b"\n".join([b'{"text": "good"}', *bad]))
    with pytest.raises(BadInputError) as caught:
        texts.draw(texts.CorpusSpec(path=file))
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
        tmp_path / "none": "is no corpus",
        tmp_path: "is no corpus",
        folder / "notes.md": "is no corpus",
        tmp_path / "none.jsonl": "cannot be read (No such file or directory)",
        tmp_path / ("x" * 300): "cannot be read (File name too long)",
        empty: "empty.jsonl holds no texts",
    }.items():
        with pytest.raises(BadInputError) as caught:
            texts.read_corpus(path)
        assert sentence in str(caught.value)

    (folder / "dangling.txt").symlink_to(folder / "gone")
    with pytest.raises(BadInputError, match=r"dangling\.txt cannot be read"):
        texts.read_corpus(folder)
    (folder / "dangling.txt").unlink()
    monkeypatch.setattr(corpus, "MAX_CORPUS_BYTES", 10)
    with pytest.raises(BadInputError, match="is larger than 10 B"):
        texts.read_corpus(folder)


# -- PG-19 ------------------------------------------------------------------------------------


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
    passage = texts.draw(texts.PG19Spec(seed=1))
    number = int(passage.work.removeprefix("pg19/"))
    assert passage.title == f"Book {number}"
    assert texts.clean(_book(number))[passage.start :].startswith(passage.text)
    assert passage.text.startswith("Paragraph ")
    assert "long enough\n to begin" in passage.text
    assert books == list(range(number + 1))
    assert texts.draw(passage.spec) == passage
    assert books == list(range(number + 1))


@pytest.mark.usefixtures("books")
def test_every_book_is_used_before_one_is_used_again() -> None:
    drawn = [texts.draw(texts.PG19Spec(seed=2, index=n)) for n in range(pg19.BOOKS + 1)]
    assert len({passage.work for passage in drawn[:-1]}) == pg19.BOOKS
    assert drawn[-1].work == drawn[0].work
    assert drawn[-1].start != drawn[0].start
    assert len({passage.start for passage in drawn}) > 5


def test_without_a_hub_there_is_shakespeare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    code = (
        "import sys\n"
        "from explorer import texts\n"
        "from explorer.errors import MissingAssetError\n"
        "try:\n"
        "    texts.draw(texts.PG19Spec())\n"
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


# -- many at once -----------------------------------------------------------------------------


@pytest.mark.usefixtures("plays")
def test_many_passages_are_long_enough_and_do_not_overlap(tokenizer: Tokenizer) -> None:
    many = texts.draw_many("seen", 12, 0, tokenizer, 128)
    spans: dict[str, list[tuple[int, int]]] = {}
    for passage in many:
        ids = texts.target_ids(passage.text, tokenizer, 128)
        end = passage.start + len(tokenizer.decode(ids))
        spans.setdefault(passage.work, []).append((passage.start, end))
    for taken in spans.values():
        ordered = sorted(taken)
        assert all(one[1] <= two[0] for one, two in pairwise(ordered))
    assert len(many) == 12
    assert texts.draw_many("seen", 5, 0, tokenizer, 128) == many[:5]
    assert [texts.draw(passage.spec) for passage in many] == many
    assert texts.draw_many("seen", 5, 1, tokenizer, 128) != many[:5]


def test_many_from_a_corpus_leave_out_what_is_short_or_double(
    tmp_path: Path, tokenizer: Tokenizer
) -> None:
    file = tmp_path / "own.jsonl"
    lines = ["short", "The same long text.", "The same long text.", "Another one of these."]
    file.write_text("\n".join(json.dumps({"text": line}) for line in lines))
    drawn = texts.draw_many("corpus", 2, 0, tokenizer, 5, file)
    assert sorted(passage.text for passage in drawn) == [lines[3], lines[1]]
    with pytest.raises(BadInputError, match="gives 2 different texts of 5 tokens and 3 are wanted"):
        texts.draw_many("corpus", 3, 0, tokenizer, 5, file)


@pytest.mark.parametrize(
    ("source", "count", "length", "sentence"),
    [
        ("own", 1, 1, "are not drawn"),
        ("generated", 1, 1, "are not drawn"),
        ("random", 0, 1, "at least one text"),
        ("random", 1, 0, "at least one text"),
        ("corpus", 1, 1, "field required"),
        ("random", 1, 200_000, "“characters”"),
    ],
)
def test_many_of_nothing_are_explained(
    source: str, count: int, length: int, sentence: str, tokenizer: Tokenizer
) -> None:
    with pytest.raises(BadInputError) as caught:
        texts.draw_many(source, count, 0, tokenizer, length)
    assert sentence in str(caught.value)


def test_a_source_of_short_texts_is_given_up(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("explorer.texts.drawing.MAX_MISSES", 3)
    monkeypatch.setattr("explorer.texts.drawing.CHARACTERS_PER_TOKEN", 0.001)
    with pytest.raises(BadInputError, match="gives 0 different texts of 9,999 tokens"):
        texts.draw_many("random", 1, 0, tokenizer, 9_999)


# -- targets ----------------------------------------------------------------------------------


@given(st.text(max_size=40), st.integers(1, 12))
def test_a_target_is_the_beginning_of_the_text(
    tokenizer: Tokenizer, text: str, length: int
) -> None:
    ids = tokenizer.encode(text)
    if text.strip() and len(ids) >= length:
        assert texts.target_ids(text, tokenizer, length) == ids[:length]
        assert texts.target_ids(text, tokenizer, None) == ids
    else:
        with pytest.raises(BadInputError):
            texts.target_ids(text, tokenizer, length)


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
        texts.target_ids(text, tokenizer, length, positions)
    assert sentence in str(caught.value)


def test_a_target_may_take_the_last_position(tokenizer: Tokenizer) -> None:
    assert len(texts.target_ids("q" * 20, tokenizer, 20, max_positions=20)) == 20
    assert len(texts.target_ids("qqqqq", tokenizer, None, max_positions=5)) == 5


def test_a_target_does_not_read_all_of_a_long_text(tokenizer: Tokenizer) -> None:
    """A million characters cost no more than their beginning."""
    seen: list[int] = []

    class Watched(Tokenizer):
        def _encode(self, text: str) -> Any:
            seen.append(len(text))
            return super()._encode(text)

    watched = Watched(tokenizer.backend, tokenizer.bos_id)
    assert len(texts.target_ids("The heron waits. " * 60_000, watched, 24)) == 24
    assert max(seen) < 10_000


# -- the whole --------------------------------------------------------------------------------


def test_another_process_draws_the_same_without_torch(folder: Path) -> None:
    specs: list[texts.TextSpec] = [
        texts.UnseenSpec(seed=5),
        texts.RandomSpec(seed=5),
        texts.CorpusSpec(seed=5, path=folder),
    ]
    code = (
        "import sys, json\n"
        "from explorer import texts\n"
        "for line in sys.stdin:\n"
        "    print(json.dumps(texts.draw(texts.make_spec(**json.loads(line))).text))\n"
        "print('torch' in sys.modules)\n"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        input="\n".join(spec.model_dump_json() for spec in specs),
        capture_output=True,
        text=True,
        check=True,
    )
    *drawn, torch = shown.stdout.splitlines()
    assert [json.loads(text) for text in drawn] == [texts.draw(spec).text for spec in specs]
    assert torch == "False"
