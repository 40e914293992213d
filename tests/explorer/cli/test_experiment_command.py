"""`run`: the time is said from a step timed here, and only while something is left to measure."""

from pathlib import Path
from typing import Any

from explorer import paces


def test_a_step_is_timed_before_a_run_and_kept(
    call: Any, tiny_llama_folder: Path, one_thread: None
) -> None:
    arguments = [
        *("run", "training-time", "--model", tiny_llama_folder, "--device", "cpu", "--json"),
        *("--set", "lengths=[2]", "--set", "texts=1", "--set", "source=unseen"),
        *("--set", "recipe.max_steps=3", "--set", "recipe.precision=float32"),
    ]
    said = call(*arguments)
    assert said.code == 0 and "with a step timed on this machine" in said.err
    kept = paces.find(str(tiny_llama_folder), "float32")
    assert kept is not None and 0 < kept.token_seconds < 1
    again = call(*arguments)
    assert again.code == 0 and again.json["run"] == said.json["run"]
    assert "timed on this machine" not in again.err
