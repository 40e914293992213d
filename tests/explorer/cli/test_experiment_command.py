"""`python -m explorer run`: an experiment without a browser, its JSON, files and sentences."""

from pathlib import Path

import pytest

from explorer.experiments import runs
from tests.explorer.cli.conftest import Call

QUICK = ("--set", "recipe.max_steps=5", "--set", "recipe.precision=float32")


@pytest.mark.usefixtures("one_thread")
def test_capacity_runs_and_is_written(call: Call, tiny_llama_folder: Path, tmp_path: Path) -> None:
    asked = [
        *("run", "capacity", "--model", tiny_llama_folder, "--preset", "minutes", *QUICK),
        *("--set", "ladder=[1, 3]", "--device", "cpu", "--out", tmp_path / "out", "--json"),
    ]
    said = call(*asked)
    assert said.code == 0, said.err
    found = said.json
    assert found["experiment"] == "capacity" and "N = 1, 3" in found["protocol"]
    assert {f["id"] for f in found["findings"]} == {"F4", "F5", "F6", "F7"}
    summary = found["tables"]["Capacity by source and scheme"]
    assert {row["scheme"] for row in summary} == {"m free", "m shared", "one mem", "two mem"}
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {runs.HEADER_FILE, "measurements.csv", "capacity-by-source-and-scheme.csv"} <= written
    again = call(*asked).json
    assert again["run"] == found["run"] and again["measurements"] == found["measurements"]


def test_a_ladder_longer_than_the_model_is_a_sentence(call: Call, tiny_llama_folder: Path) -> None:
    said = call(
        "run", "capacity", "--model", tiny_llama_folder, "--set", "ladder=[4, 500]",
        "--device", "cpu",
    )  # fmt: skip
    assert said.code == 2 and said.out == ""
    assert "N = 500 is longer than the 128 positions" in said.err
