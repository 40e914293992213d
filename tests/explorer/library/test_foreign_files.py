"""Files of others, mutated: every one is a value that can be shown, or a sentence."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from explorer.base import folders, tensor_files
from explorer.base.errors import CorruptFileError, ExplorerError
from explorer.base.tensor_files import MAX_HEADER
from explorer.experiments import runs
from explorer.figures import landscape as landscape_charts
from explorer.figures import paths as path_charts
from explorer.figures import run as run_charts
from explorer.figures.strip import point_data, strip_data, walk_data
from explorer.landscape.result import Landscape
from explorer.landscape.surroundings import Surroundings, SurroundingsHeader
from explorer.library import exchange
from explorer.paths import places
from explorer.paths.result import FILE, Paths
from explorer.solutions import sets, store
from explorer.solutions.recording import FORMAT, Recording, read_log
from explorer.solutions.solution import Memory, load, read_record
from explorer.tasks.sets import batches
from explorer.training import checkpoint, starts
from tests.explorer.solutions.memories import load_memory

RECORDED = folders.PROJECT / "cache" / "recorded"
RECORDING = min(RECORDED.rglob(store.RECORDING), key=lambda f: f.stat().st_size)
SOLUTION = next(f for f in sorted(RECORDING.parent.glob("*-*.safetensors")))
MEMORY = min(
    (f for f in RECORDED.rglob("*-*.safetensors") if read_record(f)[0].kind == "autoregressive"),
    key=lambda f: (f.stat().st_size, f.name),
)


def _solution(path: Path) -> None:
    read_record(path)
    found = load(path)
    exchange.check(found)
    assert 0 <= found.record.seconds < math.inf and found.record.c_tokens <= found.length


def _recording(path: Path) -> None:
    FORMAT.read_header(path)
    found = Recording.load(path)
    if not len(found):
        return
    strip_data(found, [found.best], play=True)
    run_charts.accuracy_curves(found)
    run_charts.loss_curves(found)
    run_charts.position_heatmap(found, found.best)
    run_charts.position_accuracy(found)
    run_charts.full_table(found)


def _paths(path: Path) -> None:
    found = Paths.load(path)
    path_charts.all_pairs(found)
    path_charts.pair_table(found)
    path_charts.accuracy_along(found, 0)
    path_charts.convergence(found, 0)
    walk_data(found, 0)
    places.control_point_bytes(found, 0)


def _landscape(path: Path) -> None:
    found = Landscape.load(path)
    if found.ready:
        landscape_charts.plane(found, "loss", (0, 0), clickable=True)
        point_data(found, 0, 0)


def _surroundings(path: Path) -> None:
    found = Surroundings.load(path)
    landscape_charts.around(found)
    assert found.sentence


def _point(path: Path) -> None:
    places.POINT.load(path)


def _memory(path: Path) -> None:
    assert load_memory(path).mem.ndim == 2


def _checkpoint(path: Path) -> None:
    said, tensors = checkpoint.FORMAT.load(path, beside="")
    assert isinstance(said.values, dict) and all(array.size for array in tensors.values())


def _learned(path: Path) -> None:
    m, tasks = batches.read_learned(path)
    assert all(task.e is not None and task.e.shape == m.shape for task in tasks.values())


def _warm_starts(path: Path) -> None:
    _, tensors = starts.FORMAT.load(path)
    assert tensors["pairs"].shape[1] == 2


class Files(dict[str, bytes]):
    """Files by their kind, of which a failing test does not print every byte."""

    def __repr__(self) -> str:
        return f"Files of {', '.join(self)}"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A real file of every kind; those that ship are cut to what makes a quick test."""
    header = SurroundingsHeader(
        model="tiny", fingerprint="f" * 64, solution="a", solution_seed=0, text="a", norm=1, seed=0
    )
    walk = Surroundings(header, np.arange(3.0), np.ones((2, 3), np.float32), np.ones(2))
    file = walk.save(tmp_path_factory.mktemp("real") / "radius.safetensors")
    found = Recording.load(RECORDING)
    short = Recording(found.header, found.frames[:4]).save(file.with_name("r.safetensors"))
    paths = next(RECORDED.rglob(f"*{FILE}"))
    return Files(
        {
            "solution": SOLUTION.read_bytes(),
            "recording": short.read_bytes(),
            "paths": paths.read_bytes(),
            "landscape": next(RECORDED.rglob(f"*{places.LANDSCAPE}")).read_bytes(),
            "radius": file.read_bytes(),
            "control point": places.control_point_bytes(Paths.load(paths), 0),
            "memory": MEMORY.read_bytes(),
            "checkpoint": checkpoint.FORMAT.pack(
                checkpoint.CheckpointHeader(
                    of="0" * 64, trainings=[{"trains": "0", "best": math.inf}], values={"step": 3}
                ),
                {"0/e": np.zeros((2, 4), np.float32), "arrays/radius": np.ones(3)},
            ),
            "learned m": _learned_file(file.with_name("m.safetensors")).read_bytes(),
            "warm starts": starts.FORMAT.pack(
                starts.WarmHeader(), {"pairs": np.zeros((3, 2, 4), np.float16)}
            ),
        }
    )


def _learned_file(path: Path) -> Path:
    row = batches.Attempt(
        slot=(0, 1, 2),
        attempt=1,
        seed=7,
        target_ids=(5, 3, 8),
        e=np.ones(4, np.float32),
        steps=9,
        seconds=0.5,
    )
    batches.save_learned(path, np.zeros(4, np.float32), [row])
    return path


READ: dict[str, Callable[[Path], None]] = {
    "solution": _solution,
    "recording": _recording,
    "paths": _paths,
    "landscape": _landscape,
    "radius": _surroundings,
    "control point": _point,
    "memory": _memory,
    "checkpoint": _checkpoint,
    "learned m": _learned,
    "warm starts": _warm_starts,
}
NASTY = st.one_of(
    st.sampled_from([None, True, -1, 0, 7, 2**31, 2**63, 2**70, 10**400, 1e308, -0.5, "", "..",
                     "../../x", "a" * 200, "Infinity", "NaN", "\ud800", [], {}, [[]], [-1], [0]]),
    st.integers(-5, 300), st.floats(), st.text(max_size=5),
)  # fmt: skip


def _place(value: Any, draw: st.DataObject) -> tuple[Any, ...]:
    """Draw the way to some part of a JSON value: at every fork each branch is as likely."""
    at: tuple[Any, ...] = ()
    while isinstance(value, dict | list) and value and (not at or draw.draw(st.booleans())):
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = draw.draw(st.sampled_from(keys))
        at, value = (*at, key), value[key]
    return at


def _put(value: Any, at: tuple[Any, ...], new: Any) -> Any:
    if not at:
        return new
    value[at[0]] = _put(value[at[0]], at[1:], new)
    return value


def _outcome(kind: str, data: bytes, folder: Path) -> str:
    """Read a file as everybody does; say how it went."""
    path = folder / "foreign.safetensors"
    path.write_bytes(data)
    try:
        READ[kind](path)
    except ExplorerError as error:
        assert str(error).endswith((".", "."))
        return "sentence"
    return "value"


def _with_header(data: bytes, header: Any) -> bytes:
    size = int.from_bytes(data[:8], "little")
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + size :]


QUICK = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.mark.parametrize("kind", READ)
def test_a_real_file_is_a_value(kind: str, real: Files, tmp_path: Path) -> None:
    assert _outcome(kind, real[kind], tmp_path) == "value"


@pytest.mark.parametrize("kind", READ)
@QUICK
@given(draw=st.data())
def test_any_bytes_are_a_value_or_a_sentence(
    kind: str, real: Files, tmp_path: Path, draw: st.DataObject
) -> None:
    data = bytearray(real[kind])
    head = 8 + int.from_bytes(data[:8], "little")
    for _ in range(draw.draw(st.integers(1, 4))):
        end = draw.draw(st.sampled_from([8, head, len(data)]))
        data[draw.draw(st.integers(0, end - 1))] = draw.draw(st.integers(0, 255))
    cut = draw.draw(st.sampled_from([len(data), len(data), len(data) - 1, head, head // 2, 7, 0]))
    _outcome(kind, bytes(data[:cut]), tmp_path)


@pytest.mark.parametrize("kind", READ)
@QUICK
@given(draw=st.data())
def test_any_field_is_a_value_or_a_sentence(
    kind: str, real: Files, tmp_path: Path, draw: st.DataObject
) -> None:
    data = real[kind]
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    name = next(iter(header["__metadata__"]))
    said = json.loads(header["__metadata__"][name])
    for _ in range(draw.draw(st.integers(1, 2))):
        said = _put(said, _place(said, draw), draw.draw(NASTY))
    if draw.draw(st.booleans()):
        header["__metadata__"][name] = json.dumps(said)
    else:
        header = _put(header, _place(header, draw), draw.draw(NASTY))
    _outcome(kind, _with_header(data, header), tmp_path)


@pytest.mark.parametrize("kind", READ)
@QUICK
@given(draw=st.data())
def test_any_numbers_are_a_value_or_a_sentence(
    kind: str, real: Files, tmp_path: Path, draw: st.DataObject
) -> None:
    data = bytearray(real[kind])
    size = int.from_bytes(data[:8], "little")
    tensors = json.loads(data[8 : 8 + size])
    del tensors["__metadata__"]
    start, stop = tensors[draw.draw(st.sampled_from(sorted(tensors)))]["data_offsets"]
    pattern = draw.draw(
        st.sampled_from(
            [
                b"\0",
                b"\xff",
                b"\x7f",
                b"\0\0\xc0\x7f",
                b"\0\x7c",
                b"\0\0\x80\x7f",
                b"\0\0\0\x80",
                b"\5",
            ]
        )
    )
    whole = draw.draw(st.booleans())
    end = stop if whole else min(stop, start + 8)
    filled = (pattern * (end - start))[: end - start]
    data[8 + size + start : 8 + size + end] = filled
    _outcome(kind, bytes(data), tmp_path)


@pytest.mark.parametrize("length", [MAX_HEADER + 1, 10**9, 2**63, 2**64 - 1])
@pytest.mark.parametrize("kind", READ)
def test_a_header_of_gigabytes_is_refused_before_it_is_read(
    kind: str, length: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "long.safetensors"
    with path.open("wb") as file:
        file.write(length.to_bytes(8, "little") + b'{"__metadata__": {"solution": "')
        file.truncate(8 + min(length, 3 * MAX_HEADER))
    parsed: list[Path] = []
    monkeypatch.setattr(tensor_files, "safe_open", lambda path, **_: parsed.append(path))
    with pytest.raises(CorruptFileError, match="damaged"):
        READ[kind](path)
    assert not parsed


@QUICK
@given(draw=st.data())
def test_any_set_is_a_value_or_a_sentence(tmp_path: Path, draw: st.DataObject) -> None:
    file = next(RECORDED.rglob(sets.SET_FILE))
    said = json.loads(file.read_bytes())
    for _ in range(draw.draw(st.integers(1, 2))):
        said = _put(said, _place(said, draw), draw.draw(NASTY))
    (tmp_path / sets.SET_FILE).write_text(json.dumps(said))
    try:
        record = sets.load(tmp_path)
        for member in record.members:
            assert record.contexts[member.context] and record.text_of(member)
            assert (tmp_path / member.file).parent == tmp_path
        assert record.name and record.regime_in_words and record.unsolved is not None
    except CorruptFileError as error:
        assert str(error).endswith(".")


@QUICK
@given(draw=st.data())
def test_any_run_of_an_experiment_is_a_value_or_a_sentence(
    tmp_path: Path, draw: st.DataObject
) -> None:
    folder = next(RECORDED.rglob(runs.CELLS_FILE)).parent
    for name in (runs.HEADER_FILE, runs.CELLS_FILE):
        data = bytearray((folder / name).read_bytes())
        for _ in range(draw.draw(st.integers(0, 3))):
            data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
        (tmp_path / name).write_bytes(data)
    try:
        runs.load(tmp_path)
    except CorruptFileError as error:
        assert str(error).endswith(".")


@QUICK
@given(data=st.binary(max_size=200), size=st.integers(0, 2**64 - 1))
def test_any_log_of_frames_is_a_recording_or_none(tmp_path: Path, data: bytes, size: int) -> None:
    (tmp_path / "frames.log").write_bytes(size.to_bytes(8, "little") + data)
    assert read_log(tmp_path) is None


def test_everything_that_ships_still_opens() -> None:
    for file in RECORDED.rglob("*-*.safetensors"):
        found = load(file)
        assert isinstance(found, Memory) or found.record.exact in (True, False)
    for file in RECORDED.rglob(store.RACE):
        assert store.race_of(file.parent) is not None
    for file in RECORDED.rglob(sets.SET_FILE):
        sets.read(file.parent, inexact=True)


def test_infinite_and_negative_numbers_are_no_record(make_solution: Callable[..., Any]) -> None:
    for fields in (
        {"seconds": math.inf}, {"seconds": math.nan}, {"seconds": -1}, {"steps": 2**40},
        {"tokens_per_second": math.inf}, {"seed": -1}, {"seed": 2**70}, {"id": "../x"},
        {"id": "a\n"}, {"accuracy": math.nan}, {"title": "x" * 5_000}, {"job": "x" * 500},
    ):  # fmt: skip
        with pytest.raises(ValidationError):
            make_solution(**fields)
