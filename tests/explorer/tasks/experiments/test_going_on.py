"""Cells that were killed or stopped in the middle: what is lost, and that nothing else changes."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from safetensors import safe_open

from explorer.base import folders
from explorer.experiments import runs
from explorer.experiments.runs import Run
from tests.explorer.experiments.conftest import QUICK
from tests.steps import exhaust

if TYPE_CHECKING:
    from explorer.model.pool import ModelPool
    from tests.explorer.experiments.conftest import MakeSettings, MakeTask

KINDS: dict[str, dict[str, Any]] = {
    "arrangements": {"arrangements": ("halves", "e+mN"), "lengths": (3,), "restarts": 2},
    "sharing": {"group_sizes": (2,)},
    "capacity": {"sources": ("unseen", "generated"), "ladder": (2,)},
    "training-time": {"lengths": (3,), "restarts": 2},
    "readout": {"contexts": 1},
}
"""Settings of every experiment that trains; a cell of each takes some dozen steps."""


pytestmark = pytest.mark.usefixtures("letters")


@pytest.fixture(autouse=True)
def contexts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the model go on from passages that are always here."""
    from explorer.tasks.experiments import bench

    plain = bench.Bench._passages
    monkeypatch.setattr(bench, "CONTEXT_TOKENS", 6)
    monkeypatch.setattr(
        bench.Bench, "_passages", lambda self, _, *rest: plain(self, "unseen", *rest)
    )


def numbers(run: Run) -> dict[str, list[dict[str, Any]]]:
    """Give everything that was measured, but for times."""
    return {
        done.key: [
            {name: value for name, value in row.items() if not name.endswith("seconds")}
            for row in done.rows
        ]
        for done in run.done
    }


def steps_taken(steps: Iterator[object], count: int) -> int:
    """Take at most so many steps; return how many there were."""
    return sum(1 for _ in zip(range(count), steps, strict=False))


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the steps of all engines, whoever trains."""
    from explorer.training import Trainer

    taken: list[int] = []
    plain = Trainer.apply
    monkeypatch.setattr(Trainer, "apply", lambda *given: (taken.append(1), plain(*given))[1])
    return taken


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    ("name", "how"), [*((name, "killed") for name in KINDS), ("training-time", "stopped")]
)
def test_a_run_that_is_cut_at_several_points_is_as_one_that_was_not(
    name: str,
    how: str,
    small: "MakeSettings",
    task: "MakeTask",
    counted: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = small(name, **KINDS[name])
    plain = task(settings)
    exhaust(plain.steps())
    whole = len(counted)
    counted.clear()

    draw = random.Random(7)
    due = property(lambda _: draw.random() < 0.5)
    monkeypatch.setattr("explorer.tasks.task.CheckpointTimer.due", due)
    caches = (tmp_path / f"cache-{k}" for k in range(100))
    cache, cuts = next(caches), 0
    monkeypatch.setenv("EXPLORER_CACHE", str(cache))
    while True:
        steps = task(settings).steps()
        some = draw.randint(3, max(5, whole // 3)) + cuts // 5  # what is known takes its turns too
        if not steps_taken(steps, some):
            break
        cuts += 1
        if how == "killed":  # nothing is said to it: it goes on elsewhere with what is on the disk
            cache = Path(shutil.copytree(cache, next(caches)))
            monkeypatch.setenv("EXPLORER_CACHE", str(cache))
        steps.close()
    assert cuts >= 3
    ended = runs.load(runs.folder_of(plain.run.header.id))
    assert numbers(ended) == numbers(plain.run)
    repeated = len(counted) - whole
    assert repeated == 0 if how == "stopped" else repeated <= 4 * cuts
    assert not list((cache / "jobs").glob("*"))


def test_seconds_count_what_was_spent_before_a_cut(
    small: "MakeSettings", task: "MakeTask", monkeypatch: pytest.MonkeyPatch
) -> None:
    from explorer.training import Trainer

    plain = Trainer._advance
    monkeypatch.setattr(
        Trainer, "_advance", lambda *given: (time.sleep(0.01), plain(*given))[1]
    )  # so a step takes .01 s at least
    settings = small("training-time", lengths=(3,), texts=1)
    for _ in range(100):
        working = task(settings)
        steps = working.steps()
        if not steps_taken(steps, 4):
            break
        steps.close()
    (cell,) = working.run.done
    best = max(cell.rows, key=lambda row: row["steps"])
    least = 0.01 * best["steps"]
    assert least > 0.1
    assert cell.seconds >= best["text_seconds"] >= best["seconds"] >= least


def test_a_checkpoint_of_other_work_is_not_read(
    small: "MakeSettings", task: "MakeTask", counted: list[int]
) -> None:
    """Other settings, other weights and another cell: each begins anew."""
    first = task(small("arrangements", lengths=(3,), arrangements=("e+mN",)))
    steps = first.steps()
    steps_taken(steps, 8)
    steps.close()
    (file,) = runs.work_of(first.run.header.id).glob("*.safetensors")
    for fields in ({"seed": 1}, {"arrangements": ("halves",)}):
        other = task(small("arrangements", **{"lengths": (3,), "arrangements": ("e+mN",)} | fields))
        cell = other.experiment.cells(other.run.settings)[0]
        other.bench.begin(other.run.settings, cell).save()
        (place,) = runs.work_of(other.run.header.id).glob("*.safetensors")
        shutil.copy(file, place)
        counted.clear()
        exhaust(other.steps())
        assert len(counted) == max(row["steps"] for row in other.run.done[0].rows) + 1


def test_what_followed_from_other_rows_is_forgotten_with_them(
    tiny_llama_folder: Path, pool: "ModelPool", tmp_path: Path
) -> None:
    """As of a readout that was begun when its seeds were chosen in another way."""
    import torch

    from explorer.tasks.experiments.bench import CellWork
    from explorer.training import Row, Trainer
    from explorer.training.checkpoint import Checkpoint

    model = pool.get(tiny_llama_folder, "tiny", torch.float32)
    kept = Checkpoint(tmp_path / "cell", model, "a cell")

    def begun(seed: int) -> CellWork:
        work = CellWork(kept)
        trainer = Trainer(model, [Row((5, 6), seed)], "halves", QUICK)
        assert steps_taken(work.train(trainer), 3) == 3
        return work

    first = begun(0)
    assert first.once("written", lambda: "at seed 0") == "at seed 0"
    first.save()
    assert begun(0).once("written", lambda: "again") == "at seed 0"
    assert begun(1).once("written", lambda: "at seed 1") == "at seed 1"


@pytest.mark.trial
def test_a_process_that_is_killed_loses_seconds_of_a_cell(
    tiny_llama_folder: Path, own_cache: Path
) -> None:
    """The real thing: kill -9 in the middle of a cell, and the same command again."""
    command = [
        *(sys.executable, "-m", "explorer", "run", "training-time", "--json", "--device", "cpu"),
        *("--model", str(tiny_llama_folder), "--set", "lengths=[40]", "--set", "texts=1"),
        *("--set", "source=unseen", "--set", "recipe.max_steps=4000"),
        *("--set", "recipe.precision=float32"),
        *("--set", "recipe.lr=0.0001"),  # never exact
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "EXPLORER_CACHE": str(own_cache)}
    first = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folders.PROJECT,
    )
    deadline, said = time.monotonic() + 120, {"values": {"seconds": 0.0}}
    while said["values"]["seconds"] < 2:
        assert time.monotonic() < deadline and first.poll() is None
        time.sleep(0.05)
        for kept in (own_cache / "jobs").glob("run-*/*.safetensors"):
            with safe_open(kept, framework="numpy") as file:
                said = json.loads(file.metadata()["checkpoint"])
    first.kill()
    first.wait()
    again = subprocess.run(
        command, env=environment, capture_output=True, check=True, cwd=folders.PROJECT
    )
    made = json.loads(again.stdout)
    (cell,) = runs.load(runs.folder_of(made["run"])).done
    assert cell.seconds > said["values"]["seconds"]
    assert not list((own_cache / "jobs").glob("run-*"))
