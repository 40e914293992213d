"""What ships of experiments: made by a line of the script, and true of the files beside it."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from explorer.base import folders
from explorer.base.errors import BadInputError
from explorer.experiments import ladders, runs
from explorer.experiments.catalogue import EXPERIMENTS
from explorer.experiments.runs import Run
from explorer.model.metrics import h_lm, score, score_memory
from explorer.model.pool import ModelPool
from explorer.solutions.solution import Memory, load, read_record
from tools import record_experiments

RECORDED = sorted((folders.recorded() / "experiments").iterdir())
EACH = 3
"""Rows of a run that are scored again."""


def sample(run: Run) -> list[dict[str, Any]]:
    """Return rows from all over a run that name a file of vectors."""
    rows = [row for row in run.table.to_dict("records") if "solution" in row]
    return rows[:: max(1, len(rows) // EACH)][:EACH]


@pytest.mark.parametrize("folder", RECORDED, ids=lambda folder: folder.name)
def test_a_line_of_the_script_makes_a_recorded_run_again(folder: Path) -> None:
    run = runs.load(folder)
    settings, preset = record_experiments.asked(folder.name)
    assert runs.run_id(settings, run.header.fingerprint) == run.header.id == folder.name
    assert (settings, preset) == (run.settings, run.header.preset)
    assert run.seconds > 0 and settings.seed == run.header.settings.seed
    assert set(run.keys) <= {c.key for c in EXPERIMENTS[settings.experiment].cells(settings)}


def test_by_its_name_the_size_that_is_to_ship_is_made() -> None:
    for name in EXPERIMENTS:
        settings, preset = record_experiments.asked(name)
        changed = record_experiments.SIZES.get(settings.experiment, {})
        assert changed.items() <= dict(settings).items()
        assert preset == ("evening, changed" if changed else "evening")
    with pytest.raises(BadInputError, match="no run of an experiment"):
        record_experiments.asked("nothing")


def test_what_ships_is_small() -> None:
    size = sum(file.stat().st_size for file in folders.recorded().rglob("*") if file.is_file())
    assert size < 40e6


@pytest.mark.parametrize("folder", RECORDED, ids=lambda folder: folder.name)
def test_every_row_names_a_file_that_says_the_same(folder: Path) -> None:
    run = runs.load(folder)
    for row in sample(run):
        record, n = read_record(folder / runs.SOLUTIONS / row["solution"])
        assert (record.accuracy, record.steps) == (row["accuracy"], row["steps"])
        assert n == row.get("n", n) and record.fingerprint == run.header.fingerprint


@pytest.mark.embedded
@pytest.mark.parametrize("folder", RECORDED, ids=lambda folder: folder.name)
def test_a_sample_of_every_recorded_run_is_what_its_files_say_in_float32(
    folder: Path, embedded_folder: Path
) -> None:
    model = ModelPool().get(embedded_folder, "smollm2-135m", torch.float32)
    for row in sample(runs.load(folder)):
        found = load(folder / runs.SOLUTIONS / row["solution"])
        ids = found.target_ids.tolist()
        again = (
            score_memory(model, found.mem, ids, found.record.sink)
            if isinstance(found, Memory)
            else score(model, found.e, found.m, ids, found.record.arrangement)
        )
        assert (again.accuracy, again.exact) == (row["accuracy"], row["exact"])
        if row.get("scheme") in {*ladders.ONE_PASS, *ladders.MEMORIES}:
            assert h_lm(model, ids)[0] == pytest.approx(row["h_lm"], rel=1e-4)


def test_a_complete_run_ships_in_place_of_the_last_and_a_part_beside_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_llama_folder: Path
) -> None:
    monkeypatch.setattr(folders, "recorded", lambda: tmp_path / "recorded")
    fields = {"model": str(tiny_llama_folder), "lengths": (2, 3), "repeats": 3}
    made: dict[str, Any] = {
        "quick": EXPERIMENTS["throughput"].make(fields),
        "other": EXPERIMENTS["throughput"].make(fields | {"seed": 1}),
    }
    monkeypatch.setattr(record_experiments, "asked", lambda name: (made[name], "evening"))

    def recorded(*arguments: str) -> tuple[int, set[int]]:
        monkeypatch.setattr("sys.argv", ["record_experiments", *arguments])
        incomplete = record_experiments.main()
        shipped = (runs.load(f) for f in (tmp_path / "recorded" / "experiments").iterdir())
        return incomplete, {run.settings.seed for run in shipped}

    assert recorded("quick") == (0, {0})
    assert recorded("other", "--as-it-is") == (1, {0, 1})
    assert recorded("other") == (0, {1})


def test_a_larger_run_begins_with_what_ships_and_replaces_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_llama_folder: Path
) -> None:
    shipped = tmp_path / "recorded" / "experiments"
    monkeypatch.setattr(folders, "recorded", lambda: shipped.parent)
    fields = {"model": str(tiny_llama_folder), "arrangements": ("e+mN",), "source": "unseen"}
    fields |= {"texts": 2, "recipe": record_experiments.short(2)}

    def recorded(*lengths: int) -> list[Run]:
        made = EXPERIMENTS["arrangements"].make(fields | {"lengths": lengths})
        monkeypatch.setattr(record_experiments, "asked", lambda _: (made, "evening"))
        monkeypatch.setattr("sys.argv", ["record_experiments", "arrangements"])
        assert record_experiments.main() == 0
        shutil.rmtree(folders.local() / "experiments")  # as on another machine
        return [runs.load(folder) for folder in runs.shipped()]

    (first,) = recorded(1, 2)
    (again,) = recorded(1, 2)
    assert again.done != first.done, "what is repeated is measured"
    (larger,) = recorded(1, 2, 3)
    assert larger.done[:2] == again.done and larger.keys == {"A4-1", "A4-2", "A4-3"}
    most, other = recorded(3)
    assert most.done == larger.done and other.keys == {"A4-3"}
