import io
import json
import struct
import tomllib
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from explorer.assets.fingerprint import fingerprint
from explorer.assets.tokenizing import Tokenizer
from explorer.base import folders
from explorer.base.errors import BadInputError
from explorer.library import exchange, trash
from explorer.library import items as library
from explorer.solutions import store
from explorer.solutions.recording import MAX_FRAMES, RecordingHeader
from explorer.solutions.solution import Solution, load_solution, save_solution
from explorer.specs.jobs import MAX_LENGTH, MAX_RESTARTS

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
    here = {
        "model": str(tiny_llama_folder),
        "fingerprint": fingerprint(tiny_llama_folder),
        "text": Tokenizer.load(tiny_llama_folder).decode([5, 3, 8]),
    }
    (good,) = exchange.take_in("a.safetensors", file_of(d_model=32, id="a-1", **here))
    assert good.id == "a-1" and good.sentence.startswith("It belongs to the weights of")
    (again,) = exchange.take_in("b.safetensors", file_of(d_model=32, id="a-1", **here))
    assert (again.id, again.sentence) == (None, "It is in the library already.")
    for fields, sentence in (
        ({"d_model": 32, "fingerprint": "e" * 64}, "trained on other weights"),
        ({"d_model": 8}, "vectors have 8 numbers, not 32"),
        ({"d_model": 32, "target_ids": (1, 2, 300)}, "token ids that"),
        ({"d_model": 32, "text": "Something else"}, "not what its token ids spell"),
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
    "for ever": {"seconds": "Infinity"},
    "before it began": {"seconds": -1.0},
    "no number": {"accuracy": "NaN"},
    "an id that is never listed": {"id": "paths"},
}


def _forged(data: bytes, **fields: Any) -> bytes:
    """Return a solution file with other values in its record."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    record = json.loads(header["__metadata__"]["solution"])
    header["__metadata__"]["solution"] = json.dumps(record | fields)
    head = json.dumps(header).encode()
    return len(head).to_bytes(8, "little") + head + data[8 + size :]


@pytest.mark.parametrize("fields", BAD.values(), ids=BAD)
def test_a_solution_that_cannot_be_true_is_refused(
    file_of: Callable[..., bytes], own_cache: Path, fields: dict[str, Any]
) -> None:
    (found,) = exchange.take_in("a.safetensors", _forged(file_of(), **fields))
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
    monkeypatch.setattr(exchange, "MAX_RATIO", 0)
    with pytest.raises(BadInputError, match="more than can be imported at once"):
        exchange.take_in("c.zip", data)
    monkeypatch.setattr(exchange, "MAX_FILES", 1)
    with pytest.raises(BadInputError, match="more than 1 files"):
        exchange.take_in("d.zip", data)


def test_runs_that_the_command_line_wrote_into_one_folder_come_in_one_by_one(
    file_of: Callable[..., bytes], record_run: Callable[..., Path], tmp_path: Path
) -> None:
    recording = record_run(tmp_path / "r").read_bytes()
    ids = ("a-r1", "b-r1", "a-r2", "a-r3")
    data = _zip(
        **{f"out/{name}.safetensors": file_of(id=name) for name in ids},
        **{f"out/{run}.recording.safetensors": recording for run in ("r1", "r2")},
    )
    assert sorted(str(found.id) for found in exchange.take_in("out.zip", data)) == sorted(ids)
    runs = {run.path: run for run in library.items("run")}
    inside = [
        item.id for item in library.items("solution") if item.path and item.path.parent in runs
    ]
    assert len(runs) == 2 and sorted(inside) == ["a-r1", "a-r2", "b-r1"]
    with pytest.raises(BadInputError, match="holds no solution files"):
        exchange.take_in("r1.recording.safetensors", recording)


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


def test_a_recording_that_cannot_be_is_left_out_before_it_is_kept(
    file_of: Callable[..., bytes], own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = RecordingHeader(
        model="tiny", target_ids=[0], seeds=[0], d_model=4, arrangement="e+mN"
    ).model_copy(update={"target_ids": [0] * 30_000, "seeds": [0] * 30_000})
    forged = save({"step": np.zeros(1, np.int32)}, {"recording": header.model_dump_json()})
    (found,) = exchange.take_in(
        "a.zip", _zip(**{"r/x.safetensors": file_of(id="a-1"), "r/recording.safetensors": forged})
    )
    assert found.id == "a-1" and library.items("run") == []
    data = _zip(**{"r/x.safetensors": file_of(id="a-2"), "r/recording.safetensors": forged})
    monkeypatch.setattr(exchange.Recording, "load", lambda path: 1 / 0)  # whatever happens
    with pytest.raises(ZeroDivisionError):
        exchange.take_in("b.zip", data)
    assert not list(own_cache.rglob(f"*{store.RECORDING}"))


def test_an_id_that_ends_like_a_file_of_another_kind_is_listed_or_refused(
    file_of: Callable[..., bytes], own_cache: Path
) -> None:
    for number, name in enumerate(("x-paths", "x-recording", "x-landscape", "radius")):
        (found,) = exchange.take_in("a.safetensors", _forged(file_of(seed=number), id=name))
        listed = name in [item.id for item in library.items("solution")]
        assert listed is (found.id is not None)


def test_what_macos_and_windows_add_to_a_zip_is_passed_over(
    file_of: Callable[..., bytes], record_run: Callable[..., Path], tmp_path: Path
) -> None:
    double = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        "
    data = _zip(
        **{
            "run/a.safetensors": file_of(id="a-1"),
            "run/recording.safetensors": record_run(tmp_path / "r").read_bytes(),
            "__MACOSX/run/._a.safetensors": double,
            "__MACOSX/run/._recording.safetensors": double,
            "run/._a.safetensors": double,
            "run/.DS_Store": double,
            "run/Thumbs.db": double,
            "run/desktop.ini": double,
        }
    )
    (found,) = exchange.take_in("from a Mac.zip", data)
    assert found.id == "a-1"
    assert len(library.items("run")) == 1
    with pytest.raises(BadInputError, match="holds no solution files"):
        exchange.take_in("b.zip", _zip(**{"__MACOSX/run/._a.safetensors": double}))


def test_a_damaged_file_of_a_zip_is_said_and_the_others_are_taken(
    file_of: Callable[..., bytes],
) -> None:
    one, other = file_of(id="a-1"), file_of(id="a-2", seed=1)
    data = _zip(**{"r/1.safetensors": one, "r/2.safetensors": other})
    at = data.index(one)
    broken = data[: at + 300] + b"####" + data[at + 304 :]
    first, second = exchange.take_in("a.zip", broken)
    assert first.id is None and "cannot be unpacked" in first.sentence
    assert second.id == "a-2"


def test_a_zip_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for n in range(4):
            archive.writestr(f"{n}/x.safetensors", bytes(19_000_000))
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("was unpacked"))
    with pytest.raises(BadInputError, match="more than can be imported at once"):
        exchange.take_in("a.zip", out.getvalue())


@pytest.mark.parametrize("packed", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_is_unpacked_no_further_than_it_says(packed: int, own_cache: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packed) as archive:
        archive.writestr("r/x.safetensors", bytes(19_000_000))
    data = bytearray(out.getvalue())
    struct.pack_into("<I", data, data.rindex(b"PK\x01\x02") + 24, 100)
    tracemalloc.start()
    try:
        (found,) = exchange.take_in("a.zip", bytes(data))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.id is None and "cannot be unpacked" in found.sentence
    assert peak < 3_000_000


@settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(draw=st.data())
def test_any_zip_is_taken_in_or_a_sentence(
    file_of: Callable[..., bytes], draw: st.DataObject
) -> None:
    data = bytearray(_zip(**{"r/x.safetensors": file_of(), "r/race.json": b"{}"}))
    for _ in range(draw.draw(st.integers(1, 6))):
        start = draw.draw(st.sampled_from([0, max(0, len(data) - 200)]))
        data[draw.draw(st.integers(start, len(data) - 1))] = draw.draw(st.integers(0, 255))
    try:
        arrivals = exchange.take_in("a.zip", bytes(data))
    except BadInputError as error:
        assert str(error).endswith(".")
    else:
        assert all(arrival.sentence.endswith(".") for arrival in arrivals)
        trash.throw(items) if (items := library.items("solution")) else None


def test_an_export_of_any_size_comes_back_in_parts(
    kept: Kept, record_run: Callable[..., Path], own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(12):
        kept(n, run=f"r{n // 4}")
    for run in ("r0", "r2"):
        record_run(store.run_folder(run), seeds=(0, 1, 2, 3))
    listed = library.items("solution")
    assert [len(part) for part in exchange.parts(listed)] == [12]
    assert exchange.parts([]) == []
    largest = max(item.path.stat().st_size for item in listed if item.path is not None)
    monkeypatch.setattr(exchange, "PART_BYTES", 2 * largest)
    divided = exchange.parts(listed)
    assert sorted(i.id for part in divided for i in part) == sorted(i.id for i in listed)
    folders_of = [{i.path.parent.name for i in part if i.path} for part in divided]
    assert sum("r0" in names for names in folders_of) == 1  # a recorded run stays together
    assert sum("r1" in names for names in folders_of) == 2
    sent = [exchange.export(part) for part in divided]
    assert len(sent) == 4 and max(map(len, sent[1:3])) < 2 * largest + 4_000
    trash.throw(library.items("run"))
    trash.throw([item for item in library.items("solution") if item.path])
    arrivals = [a for n, data in enumerate(sent) for a in exchange.take_in(f"{n}.zip", data)]
    assert sorted(a.id or "" for a in arrivals) == sorted(item.id for item in listed)
    assert len(library.items("run")) == 2 and len(library.items("solution")) == 12


def test_an_upload_may_be_as_large_as_any_part_of_an_export() -> None:
    settings = tomllib.loads((folders.PROJECT / ".streamlit" / "config.toml").read_text())
    most = settings["server"]["maxUploadSize"] * 2**20  # Streamlit's megabytes
    header = RecordingHeader(
        model="m",
        target_ids=[0] * MAX_LENGTH,
        seeds=list(range(MAX_RESTARTS)),
        d_model=16_384,
        arrangement="e+mN",
    )
    longest = header.frame_dtype.itemsize * MAX_FRAMES
    assert longest < exchange.MAX_RECORDING
    assert max(exchange.PART_BYTES, longest + 20_000_000) < most
