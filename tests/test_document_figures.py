"""Figures in documents are those of the files that ship, and of what commands print."""

import re
from typing import Any

import pytest

from benchmarks import scale
from explorer.base import folders
from explorer.experiments import runs

NOTEBOOK = folders.PROJECT / "benchmarks" / "README.md"
SCALE = folders.PROJECT / "docs" / "scale.md"
ROW = re.compile(r"^\| [a-z -]+, ([0-9a-f]{12}) \|[^|]+\|[^|]+\| ([\d,]+) \|", re.MULTILINE)
WORKS = {
    "capacity, Table 3": "capacity",
    "sharing, Table 2": "sharing",
    "arrangements": "arrangements",
    "paths, 225 curves of 64 tokens": "paths",
    "readout": "readout",
    "training-time": "training-time",
    "throughput": "throughput",
}


def test_the_notebook_says_how_long_the_recorded_runs_took() -> None:
    said = {name: float(seconds.replace(",", "")) for name, seconds in _rows()}
    taken = {folder.name: runs.load(folder).seconds for folder in runs.run_folders()}
    assert said == pytest.approx(taken, abs=0.5)


def _rows() -> list[tuple[str, str]]:
    return ROW.findall(NOTEBOOK.read_text(encoding="utf-8"))


def test_the_hours_of_the_papers_sizes_are_what_the_command_prints() -> None:
    """`python -m benchmarks.scale`, where nothing but what ships was ever trained."""
    planned = {(row["experiment"], row["model"], row["on"]): row for row in scale.plan()}
    gpu, laptop = "H100 (bfloat16)", "two CPU cores"
    models = {"embedded, 135M": "smollm2-135m", "Llama 3.1 8B": "meta-llama/Llama-3.1-8B"}
    found, work, cells = 0, "", 0
    for line in SCALE.read_text(encoding="utf-8").splitlines():
        said = [cell.strip() for cell in line.strip("|").split("|")]
        if len(said) != 7 or said[1] not in models:
            continue
        if named := re.fullmatch(r"(.+) \((\d+)\)", said[0]):
            work, cells = WORKS[named[1]], int(named[2])
        row: dict[str, Any] = planned[work, models[said[1]], gpu]
        assert row["cells"] == cells
        hours = dict(zip(("longest h", "1 h", "8 h", "64 h"), said[3:], strict=True))
        assert all(_says(text, row[name]) for name, text in hours.items()), line
        if said[2]:
            assert _says(said[2], planned[work, models[said[1]], laptop]["1 h"]), line
        found += 1
    assert found == 2 * len(WORKS)


def _says(text: str, hours: float) -> bool:
    """Whether a text is the hours, as far as its digits go."""
    number = text.replace(",", "")
    decimals = len(number.partition(".")[2])
    digits = number.replace(".", "").lstrip("0")
    unit = 10.0**-decimals if decimals else 10.0 ** (len(digits) - len(digits.rstrip("0")))
    return abs(float(number) - hours) <= 0.51 * unit
