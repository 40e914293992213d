"""A small form of the class: three people, a tiny random model, a worker that is killed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from explorer.base import folders


@pytest.mark.trial
@pytest.mark.timeout(600)
def test_three_people_train_a_text_each_and_five_watch_one(tiny_llama_folder: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.classroom", "--model", str(tiny_llama_folder)]
    done = subprocess.run(
        [*command, "--people", "3", "--tokens", "3", "--within", "1", "--stay", "2", "--watch",
         "5", "--kills", "--json"],
        cwd=folders.PROJECT,
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    lesson, audience = found["class"], found["audience"]
    assert lesson["amiss"] == [] and done.returncode == 0
    assert lesson["texts"] == lesson["texts exact"] == 3
    assert lesson["workers killed"] >= 1
    for what in ("open", "click", "first frame", "end", "age"):
        assert 0 < lesson[f"{what}, median, s"] <= lesson[f"{what}, 95th, s"]
    assert audience["watching"] == 5 and audience["open, median, s"] > 0
    assert audience["age, median, s"] is not None
    assert 100 < lesson["web MB at first"] <= lesson["web MB at most"] < 800
