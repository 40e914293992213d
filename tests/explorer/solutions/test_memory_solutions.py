"""Files of memory vectors: kept, listed, and refused wherever e and m are needed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch
from pydantic import ValidationError
from safetensors import safe_open

from explorer.base.errors import BadInputError, CorruptFileError
from explorer.cli.main import main
from explorer.library import comparison, exchange, items, selection, trash
from explorer.model.pool import ModelPool
from explorer.solutions import store
from explorer.solutions.solution import (
    Memory,
    MemoryRecord,
    Solution,
    load_solution,
    read_record,
    save_solution,
)
from explorer.worker import requests
from tests.explorer.solutions.memories import load_memory

REFUSAL = "trained as an autoregressive baseline: it has memory vectors, not e and m"


def make(solution: Solution, K: int = 2) -> Memory:
    known = solution.record.model_dump(exclude={"kind", "arrangement", "shared_m"})
    record = MemoryRecord.model_validate(known | {"tokens_of_memory": K})
    mem = np.random.default_rng(0).normal(size=(K, len(solution.e))).astype(np.float32)
    return Memory(mem, solution.target_ids, record)


@pytest.fixture
def memory(make_solution: Callable[..., Solution]) -> Memory:
    return make(make_solution())


@pytest.mark.parametrize("K", [1, 2])
def test_memory_vectors_come_back(
    make_solution: Callable[..., Solution], tmp_path: Path, K: int
) -> None:
    memory = make(make_solution(), K)
    path = save_solution(memory, tmp_path / "m.safetensors")
    found = load_memory(path)
    np.testing.assert_array_equal(found.mem, memory.mem)
    np.testing.assert_array_equal(found.target_ids, memory.target_ids)
    assert found.mem.dtype == np.float32 and found.mem.shape == (K, 4)
    assert read_record(path) == (memory.record, 3)
    with safe_open(path, framework="numpy") as file:
        assert sorted(file.keys()) == ["mem", "target_ids"]
        assert '"kind":"autoregressive"' in file.metadata()["solution"]


def test_files_from_before_the_layout_had_a_name_are_of_the_old_one(memory: Memory) -> None:
    said = memory.record.model_dump()
    assert (said.pop("layout"), said.pop("sink")) == ("mem", None)
    assert MemoryRecord.model_validate(said) == memory.record
    for layout, sink in (("bos+mem", None), ("mem", 1), ("bos", 1), ("bos+mem", -1)):
        with pytest.raises(ValidationError):
            MemoryRecord.model_validate(said | {"layout": layout, "sink": sink})
    behind = MemoryRecord.model_validate(said | {"layout": "bos+mem", "sink": 1})
    assert comparison.scheme(behind) == ("mem 2", "[token 1][mem]×2, then the text")


def test_one_kind_is_not_read_as_the_other(
    make_solution: Callable[..., Solution], memory: Memory, tmp_path: Path
) -> None:
    with pytest.raises(BadInputError, match=REFUSAL):
        load_solution(save_solution(memory, tmp_path / "m.safetensors"))


@pytest.mark.parametrize(
    ("mem", "said"),
    [
        (np.zeros((3, 4), np.float32), "shapes"),  # the record says two
        (np.zeros(4, np.float32), "shapes"),
        (np.zeros((2, 0), np.float32), "shapes"),
        (np.zeros((2, 4), np.float64), "number formats"),
        (np.full((2, 4), np.nan, np.float32), "not finite"),
        (None, "holds no tensor mem|not a solution|damaged"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(
    memory: Memory, tmp_path: Path, mem: np.ndarray | None, said: str
) -> None:
    tensors = {"target_ids": memory.target_ids} | ({} if mem is None else {"mem": mem})
    path = tmp_path / "m.safetensors"
    path.write_bytes(safetensors.numpy.save(tensors, {"solution": memory.record.model_dump_json()}))
    with pytest.raises(CorruptFileError, match=said):
        load_memory(path)


@pytest.mark.usefixtures("shipped")
def test_the_library_lists_it(memory: Memory) -> None:
    path = store.keep(memory, "run1")
    (item,) = items.items("solution")
    assert item.path == path and item.record == memory.record and item.problem is None
    assert comparison.scheme(memory.record) == ("mem 2", "[mem]×2, then the text")
    assert comparison.facts(memory.record, 3)["kind"] == "autoregressive"
    for words in ("autoregressive", "[mem]", "heron"):
        assert selection.chosen([item], selection.Wish(words=words)) == [item]
    assert store.siblings(path) == [] and store.find(memory.record.id) == path
    (line,) = exchange.table([item]).to_dict("records")
    assert line["kind"] == "autoregressive" and line["tokens_of_memory"] == 2


@pytest.mark.usefixtures("shipped")
def test_what_needs_e_and_m_refuses_it(memory: Memory) -> None:
    path = store.keep(memory, "run1")
    with pytest.raises(BadInputError, match=REFUSAL):
        store.open_solution(memory.record.id)
    with pytest.raises(BadInputError, match=REFUSAL):
        store.find_pair(memory.record.id)
    with pytest.raises(BadInputError, match=REFUSAL):
        requests.answer("decode", {"solution": str(path)}, ModelPool(torch.device("cpu")))


@pytest.mark.usefixtures("shipped")
def test_an_export_of_it_comes_back(memory: Memory) -> None:
    store.keep(memory, "run1")
    listed = items.items("solution")
    data = exchange.export(listed)
    trash.throw(listed)
    (arrival,) = exchange.take_in("from a friend.zip", data)
    assert arrival.id == memory.record.id
    (item,) = items.items("solution")
    assert item.path is not None and load_memory(item.path).record == memory.record
    np.testing.assert_array_equal(load_memory(item.path).mem, memory.mem)


@pytest.mark.usefixtures("shipped")
def test_an_import_refuses_what_cannot_be_true(memory: Memory, tmp_path: Path) -> None:
    untrue = replace(memory, record=memory.record.model_copy(update={"exact": True}))
    data = save_solution(untrue, tmp_path / "m.safetensors").read_bytes()
    (arrival,) = exchange.take_in("m.safetensors", data)
    assert arrival.id is None and "does not agree" in arrival.sentence
    assert items.items("solution") == []


@pytest.mark.parametrize(
    "command", [["path", "FILE", "FILE"], ["radius", "FILE"], ["paths", "FILE"]]
)
def test_commands_refuse_it(
    memory: Memory, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    file = str(save_solution(memory, tmp_path / "m.safetensors"))
    assert main([file if word == "FILE" else word for word in command]) == 2
    said = capsys.readouterr().err
    assert REFUSAL in said and "Traceback" not in said


def test_a_folder_with_some_is_connected_without_them(
    solution_files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All that is left here is one solution, so the sentence is about pairs, not about kinds."""
    one = load_solution(solution_files[0])
    save_solution(one, tmp_path / "mixed" / "a.safetensors")
    other = make(one)
    save_solution(
        replace(other, record=other.record.model_copy(update={"exact": True})),
        tmp_path / "mixed" / "b.safetensors",
    )
    assert main(["paths", str(tmp_path / "mixed")]) == 2
    assert "No two of these solutions" in capsys.readouterr().err
