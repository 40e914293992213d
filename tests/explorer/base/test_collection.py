"""One way to list, read and find what is stored, whatever it is."""

import os
from pathlib import Path

import pytest

from explorer.base import folders, language
from explorer.base.collection import Collection, read_once
from explorer.base.errors import BadInputError, CorruptFileError

READ: list[Path] = []


def _read(file: Path) -> str:
    READ.append(file)
    if (text := file.read_text()) == "broken":
        raise CorruptFileError(f"{file.name} is damaged.")
    return text


NOTES = Collection("note", "notes", "note.txt", _read, "Write one first.", ships_in="kept")


@pytest.fixture(autouse=True)
def cache(own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(folders, "recorded", lambda: tmp_path / "recorded")
    READ.clear()
    return own_cache


def _put(root: Path, name: str, text: str, changed: float) -> Path:
    file = folders.make(root / name) / "note.txt"
    file.write_text(text)
    os.utime(file, (changed, changed))
    return file


@pytest.fixture
def files(cache: Path, tmp_path: Path) -> dict[str, Path]:
    (cache / "notes" / "empty").mkdir(parents=True)
    own, ships = cache / "notes", tmp_path / "recorded" / "kept"
    return {
        "ab1": _put(own, "ab1", "old", 1e9),
        "ab2": _put(own, "ab2", "new", 2e9),
        "cd3": _put(own, "cd3", "broken", 1.5e9),
        "deep/ef4": _put(ships, "deep/ef4", "ships", 1e9),
        "hidden": _put(ships, "ab1", "behind this machine's", 1e9),
    }


def test_nothing_is_listed_where_nothing_is() -> None:
    assert NOTES.all() == NOTES.files() == NOTES.shipped() == []
    with pytest.raises(BadInputError, match=r"^There is no note “a” on this machine\. Write one"):
        NOTES.find("a")


def test_the_newest_come_first_and_what_ships_last(files: dict[str, Path]) -> None:
    listed = [(found.id, found.said, found.ships) for found in NOTES.all()]
    assert listed == [
        ("ab2", "new", False),
        ("cd3", None, False),
        ("ab1", "old", False),
        ("deep/ef4", "ships", True),
    ]
    assert [found.problem for found in NOTES.all()] == [None, "note.txt is damaged.", None, None]
    assert NOTES.folders() == [found.folder for found in NOTES.all()]
    assert NOTES.folder_of("ab1") == files["ab1"].parent
    assert NOTES.shipped() == [files["hidden"], files["deep/ef4"]]


def test_each_is_read_again_only_if_it_changes(files: dict[str, Path]) -> None:
    NOTES.all()
    assert len(READ) == 4
    NOTES.all()
    assert len(READ) == 4
    _put(files["ab1"].parents[1], "ab1", "changed", 3e9)
    assert NOTES.all()[0].said == "changed" and READ[4:] == [files["ab1"]]


def test_one_is_found_by_id_beginning_and_path(files: dict[str, Path]) -> None:
    for name in ("ab2", " ab2 ", str(files["ab2"]), str(files["ab2"].parent)):
        assert NOTES.find(name) == files["ab2"]
        assert NOTES.find_folder(name) == files["ab2"].parent
    assert NOTES.find("c") == files["cd3"] and NOTES.find("deep/e") == files["deep/ef4"]
    _put(files["ab1"].parents[1], "ab", "a whole id", 1e9)
    assert NOTES.find("ab").read_text() == "a whole id"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ab", "2 ids begin with “ab”. Give more of the id of the note."),
        ("", "There is no note “” on this machine. Write one first."),
        ("x", "There is no note “x” on this machine. Write one first."),
        ("../x", "There is no note at ../x. Check its path."),
        ("x.txt", "There is no note at x.txt. Check its path."),
    ],
)
@pytest.mark.usefixtures("files")
def test_none_and_several_are_sentences(name: str, said: str) -> None:
    with pytest.raises(BadInputError) as error:
        NOTES.find(name)
    assert str(error.value) == said


def test_what_is_wrong_with_a_file_is_said_in_the_language_of_who_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(_: Path) -> None:
        raise CorruptFileError(language.current())

    file = tmp_path / "damaged.json"
    file.write_bytes(b"")
    for code in language.NAMES:
        monkeypatch.setattr(language, "_current", lambda code=code: code)
        assert read_once(read, file) == (None, code)


def test_what_ships_is_looked_for_once_and_again_when_something_came(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A page asks dozens of times, and a walk over what ships is hundreds of calls to the disk."""
    monkeypatch.setattr(folders, "recorded", lambda: tmp_path)
    assert NOTES.shipped() == []
    (tmp_path / "kept" / "a" / "b").mkdir(parents=True)
    (tmp_path / "kept" / "a" / "b" / "note.txt").write_text("1")
    walks, walk = [], Path.rglob
    monkeypatch.setattr(Path, "rglob", lambda self, what: walks.append(self) or walk(self, what))
    assert [NOTES.shipped() for _ in range(3)] == [[tmp_path / "kept/a/b/note.txt"]] * 3
    assert len(walks) == 1
    (tmp_path / "kept" / "c").mkdir()
    (tmp_path / "kept" / "c" / "note.txt").write_text("2")
    assert len(NOTES.shipped()) == 2
