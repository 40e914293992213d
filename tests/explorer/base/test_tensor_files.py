"""One mechanism for ten kinds of file: what it writes, what it refuses, and in which words."""

import math
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import safetensors.numpy
from safetensors import safe_open

from explorer.base.errors import CorruptFileError
from explorer.base.tensor_files import TensorFormat, all_finite
from explorer.base.value import Value


class Header(Value):
    schema_version: Literal[1] = 1
    rows: int


FORMAT = TensorFormat(
    noun="a table",
    key="table",
    header=Header,
    layout=lambda header: {
        "a": ("f4", (header.rows, "width")),
        "b": ("i8", ("width",)),
        "log": ("?", ("entries",)),
    },
    may_be_empty="entries",
    check=lambda _, tensors: "" if all_finite(tensors, "a") else "no numbers",
)
OTHER = "t.safetensors is a safetensors file, but not a table of this version (schema 1)."
WHOLE: dict[str, Any] = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "b": np.arange(3),
    "log": np.zeros(0, np.bool_),
}


def _file(folder: Path, header: str | None = '{"rows":2}', **tensors: Any) -> Path:
    kept = {name: value for name, value in (WHOLE | tensors).items() if value is not None}
    path = folder / "t.safetensors"
    path.write_bytes(safetensors.numpy.save(kept, None if header is None else {"table": header}))
    return path


def test_what_is_written_comes_back_in_the_formats_of_the_layout(tmp_path: Path) -> None:
    given = {"a": WHOLE["a"].astype(np.float64).T.copy().T, "b": WHOLE["b"], "log": WHOLE["log"]}
    path = FORMAT.save(tmp_path / "t.safetensors", Header(rows=2), given | {"more.x": np.ones(1)})
    header, tensors = FORMAT.load(path)
    assert header == Header(rows=2) and list(tensors) == ["a", "b", "log"]
    for name, whole in WHOLE.items():
        assert tensors[name].dtype == whole.dtype
        np.testing.assert_array_equal(tensors[name], whole)
    assert list(FORMAT.load(path, beside="more.")[1]) == ["a", "b", "log", "more.x"]
    assert FORMAT.read_header(path) == header
    assert FORMAT.measure(path) == (header, {"width": 3, "entries": 0})
    with safe_open(path, framework="numpy") as file:  # anybody reads it
        assert file.metadata() == {"table": '{"schema_version":1,"rows":2}'}
        np.testing.assert_array_equal(file.get_tensor("a"), WHOLE["a"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"header": None}, OTHER),
        ({"header": "[]"}, OTHER),
        (
            {"header": '{"schema_version":2,"rows":2}'},
            OTHER,
        ),
        ({"a": None, "b": None}, "t.safetensors holds no tensor a, b."),
        ({"b": np.ones(3)}, "t.safetensors holds tensors of unexpected number formats."),
        ({"a": np.ones((3, 3), np.float32)}, "t.safetensors holds tensors of unexpected shapes."),
        ({"b": np.arange(4)}, "t.safetensors holds tensors of unexpected shapes."),
        ({"b": np.arange(3)[None]}, "t.safetensors holds tensors of unexpected shapes."),
        ({"b": np.array(3)}, "t.safetensors holds tensors of unexpected shapes."),
        (
            {"a": np.ones((2, 0), np.float32), "b": np.arange(0)},
            "t.safetensors holds tensors of unexpected shapes.",
        ),
        ({"a": np.full((2, 3), math.nan, np.float32)}, "t.safetensors holds no numbers."),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    path = _file(tmp_path, **change)
    with pytest.raises(CorruptFileError) as error:
        FORMAT.load(path)
    assert str(error.value) == said


def test_what_is_no_file_of_tensors_is_said(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    with pytest.raises(CorruptFileError, match=r"^There is no file t\.safetensors\.$"):
        FORMAT.load(path)
    whole = _file(tmp_path).read_bytes()
    for size in range(0, len(whole), 13):
        path.write_bytes(whole[:size])
        with pytest.raises(CorruptFileError, match=r"is damaged or .*; make it again\.$"):
            FORMAT.read_header(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(CorruptFileError, match="is a folder; name the file of a table in it"):
        FORMAT.load(path)
