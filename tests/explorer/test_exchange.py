import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from explorer import exchange, folders, library, store, trash
from explorer.errors import BadInputError
from explorer.fingerprint import fingerprint
from explorer.solutions import Solution, load_solution, save_solution

Kept = Callable[..., Solution]


@pytest.fixture
def file_of(make_solution: Kept, tmp_path: Path, shipped: Path) -> Callable[..., bytes]:
    """Make a solution file as somebody else would send it."""

    def make(**fields: Any) -> bytes:
        return save_solution(make_solution(**fields), tmp_path / "sent.safetensors").read_bytes()

    return make


def _zip(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def _untouched(cache: Path) -> bool:
    return not any((cache / "solutions").rglob("*")) if (cache / "solutions").exists() else True


def test_an_export_comes_back_as_it_was(
    kept: Kept, record_run: Callable[..., Path], own_cache: Path
) -> None:
    made = [kept(n, run="r" if n < 3 else None) for n in range(5)]
    record_run(store.run_folder("r"), seeds=(0, 1, 2))
    library.relabel(library.items("solution")[0], name="=mine, “so”", note="a\nb", tags=["t", "u"])
    listed = library.items("solution")
    data = exchange.export(listed)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = set(archive.namelist())
        table = pd.read_csv(io.BytesIO(archive.read(exchange.TABLE)))
    assert {f"r/{s.record.id}.safetensors" for s in made[:3]} | {"r/recording.safetensors"} < names
    assert table["id"].tolist() == [item.id for item in listed] and table["N"].tolist() == [3] * 5
    assert table["name"][0] == "=mine, “so”" and table["tags"][0] == "t, u"
    assert table["recipe_lr"].notna().all() and table["h_lm"].tolist() == [4.5] * 5

    trash.throw(listed)
    arrivals = exchange.take_in("from a friend.zip", data)
    assert sorted(a.id or "" for a in arrivals) == sorted(s.record.id for s in made)
    back = {item.id: item for item in library.items("solution")}
    for solution in made:
        path = back[solution.record.id].path
        assert path is not None and back[solution.record.id].facts["origin"] == "imported"
        again = load_solution(path)
        np.testing.assert_array_equal(again.e, solution.e)
        assert again.record == solution.record
    runs = library.items("run")  # the recording that stayed here, and the one that came back
    assert {run.id.startswith(store.IMPORTED) for run in runs} == {True, False}
    assert len(runs) == 2 and len({i.path and i.path.parent for i in back.values()}) == 3


def test_what_ships_can_be_exported(shipped: Path, make_solution: Kept) -> None:
    save_solution(make_solution(), shipped / "first" / "x.safetensors")
    with zipfile.ZipFile(io.BytesIO(exchange.export(library.items("solution")))) as archive:
        assert archive.namelist() == [exchange.TABLE, "first/x.safetensors"]


def test_nothing_to_export_is_said(shipped: Path, own_cache: Path) -> None:
    (folders.make(own_cache / "solutions" / "r") / "x.safetensors").write_bytes(b"broken")
    for items in ([], library.items("solution")):
        with pytest.raises(BadInputError, match="nothing to export"):
            exchange.export(items)


def test_a_file_for_the_model_on_this_disk_is_recognised(
    tiny_llama_folder: Path, file_of: Callable[..., bytes]
) -> None:
    here = {"model": str(tiny_llama_folder), "fingerprint": fingerprint(tiny_llama_folder)}
    (good,) = exchange.take_in("a.safetensors", file_of(d_model=32, id="a-1", **here))
    assert good.id == "a-1" and good.sentence.startswith("It belongs to the weights of")
    (again,) = exchange.take_in("b.safetensors", file_of(d_model=32, id="a-1", **here))
    assert (again.id, again.sentence) == (None, "It is in the library already.")
    for fields, sentence in (
        ({"d_model": 32, "fingerprint": "e" * 64}, "trained on other weights"),
        ({"d_model": 8}, "vectors have 8 numbers, not 32"),
        ({"d_model": 32, "target_ids": (1, 2, 300)}, "token ids that"),
    ):
        (bad,) = exchange.take_in("c.safetensors", file_of(**{"id": "c-1"} | here | fields))  # type: ignore[arg-type]
        assert bad.id is None and sentence in bad.sentence
    assert [item.id for item in library.items("solution")] == ["a-1"]


def test_a_file_for_a_model_that_is_not_here_says_so(file_of: Callable[..., bytes]) -> None:
    for number, model in enumerate(("nobody/nothing", "/nowhere/at/all", "%%%")):
        (found,) = exchange.take_in("a.safetensors", file_of(model=model, id=f"a-{number}"))
        assert found.id == f"a-{number}" and "not be checked" in found.sentence


BAD: dict[str, dict[str, Any]] = {
    "a path for an id": {"id": "../../../x"},
    "an empty id": {"id": ""},
    "a long id": {"id": "x" * 81},
    "a line break": {"id": "a\n"},
    "exact and not": {"exact": True},
    "too many right": {"c_tokens": 3},
    "more than all": {"c_tokens": 4, "accuracy": 1.0, "exact": True},
    "terms": {"h_lm_terms": 7},
}


@pytest.mark.parametrize("fields", BAD.values(), ids=BAD)
def test_a_solution_that_cannot_be_true_is_refused(
    file_of: Callable[..., bytes], own_cache: Path, fields: dict[str, Any]
) -> None:
    (found,) = exchange.take_in("a.safetensors", file_of(**fields))
    assert found.id is None and found.sentence.endswith(".")
    assert _untouched(own_cache) and not list((own_cache / "incoming").iterdir())


@pytest.mark.parametrize("data", [b"", b"x" * 100, b"\xff" * 9])
def test_damaged_files_are_refused_by_their_name(data: bytes, own_cache: Path) -> None:
    (found,) = exchange.take_in("friend.safetensors", data)
    assert found.id is None and "friend.safetensors" in found.sentence and _untouched(own_cache)
    with pytest.raises(BadInputError, match=r"friend.zip is not a zip file"):
        exchange.take_in("friend.zip", data)


def test_a_zip_keeps_to_its_folder_and_its_size(
    file_of: Callable[..., bytes], own_cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    good = file_of(id="a-1")
    data = _zip(
        **{"../../evil/x.safetensors": good, "y/recording.safetensors": b"no", "n.txt": b""}
    )
    (found,) = exchange.take_in("a.zip", data)
    assert found.id == "a-1" and not list(tmp_path.rglob("evil"))
    (item,) = library.items("solution")
    assert item.path is not None and item.path.is_relative_to(own_cache / "solutions")
    with pytest.raises(BadInputError, match="holds no solution files"):
        exchange.take_in("b.zip", _zip(**{"notes.txt": b"text"}))
    monkeypatch.setattr(exchange, "MAX_BYTES", 10)
    with pytest.raises(BadInputError, match="more than is taken in at once"):
        exchange.take_in("c.zip", data)
    monkeypatch.setattr(exchange, "MAX_FILES", 1)
    with pytest.raises(BadInputError, match="more than 1 files"):
        exchange.take_in("d.zip", data)


def test_a_recording_without_frames_or_sense_is_left_out(
    file_of: Callable[..., bytes], record_run: Callable[..., Path], tmp_path: Path
) -> None:
    for number, frames in enumerate((0, 2)):
        recording = record_run(tmp_path / f"f{frames}", frames=frames).read_bytes()
        data = _zip(
            **{"r/x.safetensors": file_of(id=f"a-{number}"), "r/recording.safetensors": recording}
        )
        exchange.take_in("a.zip", data)
    assert len(library.items("solution")) == 2 and len(library.items("run")) == 1
