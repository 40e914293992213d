"""What pages keep in memory is read again when its files have changed."""

import ast
import gc
import os
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from explorer.base import folders
from explorer.base.errors import CorruptFileError
from explorer.landscape.result import Landscape
from explorer.solutions import sets as records
from explorer.solutions.solution import Solution, save_solution
from tests.pages.driving import open_page
from widgets import cached, sets
from widgets.cached import Newest


def _hidden(source: str) -> dict[str, list[str]]:
    """Return of each cached function the arguments that do not tell its calls apart."""
    return {
        node.name: [a.arg for a in node.args.args if a.arg.startswith("_")]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef)
        and any(ast.unparse(d).startswith("st.cache_") for d in node.decorator_list)
    }


def test_every_argument_of_a_cached_function_counts() -> None:
    """Streamlit leaves arguments with a leading underscore out of what tells calls apart."""
    assert _hidden("@st.cache_data\ndef f(a, _b): ...") == {"f": ["_b"]}
    modules = (folders.PROJECT / "widgets").rglob("*.py")
    found = {name: args for m in modules for name, args in _hidden(m.read_text()).items()}
    assert len(found) > 1 and not any(found.values())


def test_a_set_that_grew_is_read_again(make_set: Callable[..., str]) -> None:
    name = make_set()
    first = sets.read(name)
    folder = records.find(name)
    record = records.load(folder)
    records.save(record.model_copy(update={"members": record.members[:-1]}))
    later = (folder / records.SET_FILE).stat().st_mtime_ns + 10**9
    os.utime(folder / records.SET_FILE, ns=(later, later))
    assert len(sets.read(name).solutions) == len(first.solutions) - 1


@pytest.mark.parametrize("gone", [0, 1])
def test_a_run_that_lost_a_restart_is_read_again(
    gone: int, exact_solutions: list[Solution], tmp_path: Path
) -> None:
    """Whichever it is: the newest file of a folder does not change when an older one goes."""
    files = [save_solution(s, tmp_path / f"{s.record.id}.safetensors") for s in exact_solutions[:2]]
    for age, file in enumerate(files):
        os.utime(file, ns=(age * 10**9, age * 10**9))
    assert len(cached.run(tmp_path)[1]) == 2
    files[gone].unlink()
    (left,) = cached.run(tmp_path)[1]
    assert left.record.id == exact_solutions[1 - gone].record.id


def test_a_run_without_files_is_no_run(tmp_path: Path) -> None:
    assert cached.run(tmp_path) == (None, [])


class _Version:
    """What a file said; a class, so that a weak reference shows whether it is still held."""

    def __init__(self, path: Path) -> None:
        self.text = path.read_text()


def test_of_a_growing_result_the_newest_version_is_kept(tmp_path: Path) -> None:
    kept, file = Newest(_Version, 16), tmp_path / "x"
    seen = []
    for version in range(20):
        file.write_text(str(version))
        os.utime(file, ns=(version, version))
        found = kept(file)
        assert found.text == str(version) and kept(file) is found
        seen.append(weakref.ref(found))
    del found
    gc.collect()
    assert [each() is not None for each in seen] == [False] * 19 + [True]


def test_places_asked_for_last_are_kept(tmp_path: Path) -> None:
    kept, files = Newest(_Version, 2), [tmp_path / str(k) for k in range(3)]
    for file in files:
        file.write_text("x")
    first = kept(files[0])
    kept(files[1])
    assert kept(files[0]) is first
    kept(files[2])
    assert kept(files[0]) is first and len(kept) == 2


def test_what_cannot_be_read_is_tried_again(tmp_path: Path) -> None:
    kept, file = Newest(_Version, 2), tmp_path / "x"
    with pytest.raises(FileNotFoundError):
        kept(file)
    file.write_text("there")
    assert kept(file).text == "there"


def test_thirty_who_come_at_once_read_once(tmp_path: Path) -> None:
    reads: list[Path] = []
    begun = threading.Event()

    def load(path: Path) -> object:
        reads.append(path)
        begun.wait(0.2)
        return object()

    kept = Newest(load, 2)
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(kept(tmp_path))) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reads == [tmp_path] and len(found) == 30 and len(set(map(id, found))) == 1


def _held(kind: type) -> int:
    gc.collect()
    return sum(type(each) is kind for each in gc.get_objects())


def test_a_landscape_that_grows_is_held_once(tmp_path: Path) -> None:
    shipped = next((folders.recorded() / "landscape").rglob("*landscape.safetensors"))
    file, before = tmp_path / shipped.name, _held(Landscape)
    for version in range(1, 20):
        file.write_bytes(shipped.read_bytes())
        os.utime(file, ns=(version * 10**9, version * 10**9))
        assert cached.landscape(file) is cached.landscape(file)
    assert _held(Landscape) == before + 1
    file.write_bytes(b"damaged")
    with pytest.raises(CorruptFileError):
        cached.landscape(file)


class Grown:
    """A version of a result."""


def test_thirty_who_show_the_same_draw_it_once() -> None:
    drawn: list[object] = []

    def draw(value: Grown, size: int) -> list[int]:
        drawn.append(value)
        return [size]

    value = Grown()
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.append(cached.once(draw, value, 3)))
        for _ in range(30)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(drawn) == 1 and len(found) == 30 and len(set(map(id, found))) == 1
    assert cached.once(draw, value, 4) == [4] and len(drawn) == 2
    assert cached.once(draw, Grown(), 3) == [3] and len(drawn) == 3


def test_what_was_drawn_goes_with_its_version() -> None:
    before = len(cached._made)
    for _ in range(50):
        value = Grown()
        for size in range(2 * cached.MOST_MADE):
            cached.once(lambda _, size: [size], value, size)
        assert len(cached._made[id(value)].kept) <= cached.MOST_MADE
        del value
    gc.collect()
    assert len(cached._made) <= before


def test_all_viewers_of_a_run_share_its_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    from explorer.figures import run as figures

    drawn: list[object] = []
    draw = figures.accuracy_curves
    monkeypatch.setattr(figures, "accuracy_curves", lambda r: drawn.append(r) or draw(r))
    for _ in range(3):
        assert not open_page().exception
    assert len(drawn) <= 1
