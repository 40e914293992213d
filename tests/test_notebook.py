"""The notebook runs from its first cell to its last, on a tiny model and on the embedded one."""

import json
from pathlib import Path
from typing import Any

import pytest

from explorer.base import folders

NOTEBOOK = json.loads((folders.PROJECT / "docs" / "notebook.ipynb").read_text(encoding="utf-8"))
TINY = {"TEXT": "The heron waits by", "LENGTH": 3, "RECIPE": "independent",
        "ARRANGEMENT": "e+mN-1", "RESTARTS": 3, "CURVE_STEPS": 4}  # fmt: skip


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, **parameters: Any) -> dict[str, Any]:
    """Run the code cells in order; give parameters other values, as papermill does."""
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in NOTEBOOK["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
            if "parameters" in cell["metadata"].get("tags", ()):
                assert parameters.keys() <= names.keys()
                names |= parameters
    return names


def test_it_runs_on_a_tiny_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_llama_folder: Path, one_thread: None
) -> None:
    left = run(tmp_path, monkeypatch, MODEL=str(tiny_llama_folder), **TINY)
    assert left["run"].exact and left["paths"].measured.all()
    assert (tmp_path / "solution.safetensors").is_file()
    assert len(left["look"].right) == left["look"].header.layers + 1


@pytest.mark.embedded
@pytest.mark.timeout(900)
def test_it_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = run(tmp_path, monkeypatch, CURVE_STEPS=100)  # a quarter: minutes on an old processor
    assert len(left["run"].exact) == left["RESTARTS"]
    assert left["curve"] > left["line"]


def test_it_ships_without_outputs() -> None:
    """So that a diff shows what was changed, and nothing of the machine it ran on."""
    code = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code)
