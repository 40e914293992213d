import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from safetensors import safe_open

from explorer.base.errors import CorruptFileError, StorageError
from explorer.solutions import solution as solutions
from explorer.solutions.solution import (
    Solution,
    load_solution,
    made_from,
    new_run_id,
    now,
    read_record,
    save_solution,
)
from explorer.specs.recipes import FAST, PAPER

MakeSolution = Callable[..., Solution]

ORIGIN: dict[str, Any] = {
    "model": "tiny",
    "fingerprint": "f" * 64,
    "target_ids": np.array([5, 3, 8]),
    "arrangement": "e+mN",
    "recipe": FAST,
    "seed": 0,
}


def _write(path: Path, solution: Solution, **tensors: Any) -> Path:
    """Write a solution file in which some tensors are replaced."""
    columns = {"e": solution.e, "m": solution.m, "target_ids": solution.target_ids} | tensors
    data = safetensors.numpy.save(columns, {"solution": solution.record.model_dump_json()})
    path.write_bytes(data)
    return path


def test_a_solution_comes_back_as_it_was_saved(make_solution: MakeSolution, tmp_path: Path) -> None:
    solution = make_solution(reason="stopped by hand", job="a1", loss=None, shared_m=True)
    found = load_solution(save_solution(solution, tmp_path / "new" / "s.safetensors"))
    assert found.record == solution.record
    for name, dtype in (("e", np.float32), ("m", np.float32), ("target_ids", np.int64)):
        tensor = getattr(found, name)
        assert tensor.dtype == dtype
        np.testing.assert_array_equal(tensor, getattr(solution, name))
    assert found.length == 3


def test_the_file_is_readable_without_this_package(
    make_solution: MakeSolution, tmp_path: Path
) -> None:
    path = save_solution(make_solution(), tmp_path / "s.safetensors")
    with safe_open(path, framework="numpy") as file:
        assert sorted(file.keys()) == ["e", "m", "target_ids"]
        record = json.loads(file.metadata()["solution"])
    assert record["kind"] == "one-forward"
    assert set(record) >= {
        "schema_version", "model", "fingerprint", "arrangement", "recipe", "seed", "accuracy",
        "c_tokens", "h_lm", "steps", "seconds", "text", "kind",
    }  # fmt: skip


def test_vectors_are_saved_in_float32_whatever_their_layout(
    make_solution: MakeSolution, tmp_path: Path
) -> None:
    wide = np.arange(16, dtype=np.float64)
    solution = replace(make_solution(), e=wide[::2], m=wide[::-2])
    found = load_solution(save_solution(solution, tmp_path / "s.safetensors"))
    np.testing.assert_array_equal(found.e, wide[::2])
    np.testing.assert_array_equal(found.m, wide[::-2])


def test_saving_twice_replaces_the_file_and_leaves_nothing_else(
    make_solution: MakeSolution, tmp_path: Path
) -> None:
    path = tmp_path / "s.safetensors"
    save_solution(make_solution(seed=1), path)
    save_solution(make_solution(seed=2), path)
    assert load_solution(path).record.seed == 2
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("below", ["s.safetensors", "folder/s.safetensors"])
def test_a_folder_that_cannot_be_written_is_said(
    make_solution: MakeSolution, tmp_path: Path, below: str
) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageError, match="EXPLORER_CACHE"):
        save_solution(make_solution(), tmp_path / "file" / below)
    assert (tmp_path / "file").read_text() == "not a folder"


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(CorruptFileError, match=r"There is no file nowhere\.safetensors"):
        load_solution(tmp_path / "nowhere.safetensors")


@pytest.mark.parametrize(
    "data", [b"", b"\x00" * 7, b"hello, this is a text", b"\xff" * 64], ids=["0", "7", "text", "ff"]
)
def test_a_file_of_something_else_is_said(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "s.safetensors"
    path.write_bytes(data)
    with pytest.raises(CorruptFileError, match=r"s\.safetensors is damaged"):
        load_solution(path)


def test_a_folder_in_place_of_a_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(CorruptFileError):
        load_solution(tmp_path)


def test_every_truncation_is_noticed(make_solution: MakeSolution, tmp_path: Path) -> None:
    path = save_solution(make_solution(), tmp_path / "s.safetensors")
    data = path.read_bytes()
    for size in range(0, len(data), 37):
        path.write_bytes(data[:size])
        with pytest.raises(CorruptFileError):
            load_solution(path)


@given(at=st.integers(0, 2000), flip=st.integers(1, 255))
def test_damage_never_shows_as_anything_but_a_sentence(
    make_solution: MakeSolution, tmp_path_factory: pytest.TempPathFactory, at: int, flip: int
) -> None:
    path = save_solution(make_solution(), tmp_path_factory.mktemp("damage") / "s.safetensors")
    data = bytearray(path.read_bytes())
    data[at % len(data)] ^= flip
    path.write_bytes(data)
    try:
        found = load_solution(path)
    except CorruptFileError as error:
        assert "s.safetensors" in str(error)
    else:
        assert np.isfinite(found.e).all() and np.isfinite(found.m).all()


def test_a_foreign_safetensors_file_is_no_solution(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    tensors = {"e": np.zeros(2, np.float32)}
    metadata: list[dict[str, str] | None] = [
        None,
        {"format": "pt"},
        {"solution": "{}"},
        {"solution": "no JSON"},
        {"solution": "[]"},
    ]
    for each in metadata:
        path.write_bytes(safetensors.numpy.save(tensors, each))
        with pytest.raises(CorruptFileError, match="not a solution of this version"):
            load_solution(path)


@pytest.mark.parametrize("missing", ["e", "m", "target_ids"])
def test_a_missing_tensor_is_said(
    make_solution: MakeSolution, tmp_path: Path, missing: str
) -> None:
    solution = make_solution()
    columns = {"e": solution.e, "m": solution.m, "target_ids": solution.target_ids}
    del columns[missing]
    path = tmp_path / "s.safetensors"
    data = safetensors.numpy.save(columns, {"solution": solution.record.model_dump_json()})
    path.write_bytes(data)
    with pytest.raises(CorruptFileError):
        load_solution(path)


@pytest.mark.parametrize(
    "tensors",
    [
        {"e": np.zeros(3, np.float32)},
        {"e": np.zeros((1, 4), np.float32), "m": np.zeros((1, 4), np.float32)},
        {"e": np.float32(1), "m": np.float32(1)},
        {"e": np.zeros(0, np.float32), "m": np.zeros(0, np.float32)},
        {"target_ids": np.zeros((1, 3), np.int64)},
        {"target_ids": np.zeros(0, np.int64)},
    ],
    ids=["lengths differ", "matrices", "numbers", "empty", "ids are a matrix", "no ids"],
)
def test_wrong_shapes_are_said(
    make_solution: MakeSolution, tmp_path: Path, tensors: dict[str, Any]
) -> None:
    tensors = {name: np.asarray(value) for name, value in tensors.items()}
    with pytest.raises(CorruptFileError, match="shapes"):
        load_solution(_write(tmp_path / "s.safetensors", make_solution(), **tensors))


@pytest.mark.parametrize("name", ["e", "m"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_said(
    make_solution: MakeSolution, tmp_path: Path, name: str, value: float
) -> None:
    vector = np.array([1, 2, value, 4], dtype=np.float32)
    with pytest.raises(CorruptFileError, match="not finite"):
        load_solution(_write(tmp_path / "s.safetensors", make_solution(), **{name: vector}))


@pytest.mark.parametrize(
    "tensors",
    [
        {"e": np.full(4, 1e300)},
        {"target_ids": np.array([1.5, 2, 3])},
        {"target_ids": np.array([-1, 2, 3])},
    ],
    ids=["too large for float32", "broken token ids", "negative token ids"],
)
def test_numbers_of_the_wrong_kind_are_said(
    make_solution: MakeSolution, tmp_path: Path, tensors: dict[str, Any]
) -> None:
    with pytest.raises(CorruptFileError):
        load_solution(_write(tmp_path / "s.safetensors", make_solution(), **tensors))


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn"])
def test_number_formats_that_numpy_does_not_know_are_said(
    make_solution: MakeSolution, tmp_path: Path, dtype: str
) -> None:
    import torch
    from safetensors.torch import save_file

    solution, path = make_solution(), tmp_path / "s.safetensors"
    tensors = {
        "e": torch.from_numpy(solution.e).to(getattr(torch, dtype)),
        "m": torch.from_numpy(solution.m),
        "target_ids": torch.from_numpy(solution.target_ids),
    }
    save_file(tensors, path, {"solution": solution.record.model_dump_json()})
    with pytest.raises(CorruptFileError):
        load_solution(path)


def test_another_schema_is_not_taken_for_this_one(
    make_solution: MakeSolution, tmp_path: Path
) -> None:
    solution, path = make_solution(), tmp_path / "s.safetensors"
    record = json.loads(solution.record.model_dump_json()) | {"schema_version": 2}
    tensors = {"e": solution.e, "m": solution.m, "target_ids": solution.target_ids}
    path.write_bytes(safetensors.numpy.save(tensors, {"solution": json.dumps(record)}))
    with pytest.raises(CorruptFileError, match="schema 1"):
        load_solution(path)


@pytest.mark.parametrize(
    "fields",
    [
        {"accuracy": 1.5},
        {"accuracy": float("nan")},
        {"c_tokens": -1},
        {"arrangement": "m+eN"},
        {"kind": "two-forward"},
        {"remark": "unknown field"},
    ],
    ids=str,
)
def test_a_record_with_impossible_fields_is_refused(
    make_solution: MakeSolution, fields: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError):
        make_solution(**fields)


def test_equal_inputs_have_equal_origins() -> None:
    first = made_from(**ORIGIN)
    assert re.fullmatch("[0-9a-f]{12}", first)
    assert made_from(**ORIGIN | {"target_ids": np.array([5, 3, 8], dtype=np.int32)}) == first
    assert made_from(**ORIGIN | {"recipe": FAST.model_copy()}) == first


@pytest.mark.parametrize(
    "change",
    [
        {"model": "tiny2"},
        {"fingerprint": "e" * 64},
        {"target_ids": np.array([5, 8, 3])},
        {"target_ids": np.array([5, 3, 8, 1])},
        {"target_ids": np.array([53, 8])},
        {"arrangement": "e+mN-1"},
        {"recipe": PAPER},
        {"recipe": FAST.model_copy(update={"name": "custom"})},
        {"recipe": FAST.model_copy(update={"lr": np.nextafter(FAST.lr, 1)})},
        {"recipe": FAST.model_copy(update={"max_steps": FAST.max_steps + 1})},
        {"seed": 1},
        {"known_starts": "0123456789ab"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_ingredient_changes_the_origin(change: dict[str, Any]) -> None:
    assert made_from(**ORIGIN | change) != made_from(**ORIGIN)


def test_the_schema_is_part_of_the_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    before = made_from(**ORIGIN)
    monkeypatch.setattr(solutions, "SCHEMA_VERSION", solutions.SCHEMA_VERSION + 1)
    assert made_from(**ORIGIN) != before


def test_run_ids_differ_and_times_are_in_utc() -> None:
    assert len({new_run_id() for _ in range(100)}) == 100
    time = datetime.fromisoformat(now())
    assert time.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - time) < timedelta(minutes=1)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 4.5])
def test_an_h_lm_that_is_no_number_survives_its_file(
    make_solution: MakeSolution, tmp_path: Path, value: float
) -> None:
    saved = save_solution(make_solution(h_lm=value), tmp_path / "s.safetensors")
    with safe_open(saved, framework="numpy") as file:
        written = json.loads(file.metadata()["solution"], parse_constant=pytest.fail)
    assert written["h_lm"] is not None
    np.testing.assert_equal(load_solution(saved).record.h_lm, value)


def test_the_record_is_read_without_the_tensors(
    make_solution: MakeSolution, tmp_path: Path
) -> None:
    solution = make_solution(target_ids=(1, 2, 3, 4, 5), accuracy=0.6, c_tokens=3, h_lm_terms=5)
    path = save_solution(solution, tmp_path / "s.safetensors")
    assert read_record(path) == (solution.record, 5)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CorruptFileError, match="damaged"):
        read_record(path)
    with pytest.raises(CorruptFileError, match="There is no file"):
        read_record(tmp_path / "nowhere.safetensors")
