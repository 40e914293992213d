"""Paths that are killed: what lies on the disk is never more than seconds old."""

import random
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from explorer.paths.result import Paths
from explorer.specs.curves import PathRecipe
from explorer.tasks.paths import connecting
from explorer.tasks.paths.connecting import Connecting
from tests.steps import exhaust

if TYPE_CHECKING:
    from explorer.model.pool import ModelPool
    from explorer.solutions.solution import Solution

RECIPE = PathRecipe(
    max_steps=4,
    attempts=2,
    finish_steps=8,
    points=5,
    look_every=8,
    precision="float32",
    stop_early=False,
)


def test_a_kill_at_any_point_changes_nothing(
    pool: "ModelPool",
    exact_solutions: "list[Solution]",
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a, b, c = exact_solutions[:3]
    pairs = [(a, b), (a, c), (b, c)]

    def begin(folder: Path) -> Connecting:
        return Connecting(pairs, "bezier", RECIPE, pool, folder)

    whole = begin(tmp_path / "whole")
    exhaust(whole.steps())
    draw = random.Random(11)
    places = (tmp_path / f"cut-{k}" for k in range(100))
    place, cuts = next(places), 0
    place.mkdir()
    monkeypatch.setattr("explorer.tasks.task.CheckpointTimer.due", True)
    while True:
        part = begin(place)
        assert part.resumed == (cuts > 0)
        steps = part.steps()
        for _ in zip(range(draw.randint(2, 12)), steps, strict=False):
            pass
        if part.paths.over.all():
            break
        cuts += 1
        place = Path(shutil.copytree(place, next(places)))
        steps.close()
    assert cuts >= 3
    found = Paths.load(place / connecting.FILE)
    for name in ("bends", "steps", "over"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole.paths, name))
    np.testing.assert_array_equal(found.curve.accuracy, whole.paths.curve.accuracy)
    np.testing.assert_array_equal(found.line.loss, whole.paths.line.loss)


def test_what_was_measured_before_the_first_step_is_kept(
    pool: "ModelPool",
    exact_solutions: "list[Solution]",
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Hundreds of pairs are measured one after the other before any curve moves."""
    monkeypatch.setattr("explorer.tasks.task.CheckpointTimer.due", True)
    a, b, c = exact_solutions[:3]
    steps = Connecting([(a, b), (a, c), (b, c)], "bezier", RECIPE, pool, tmp_path).steps()
    for _ in range(3):
        next(steps)
    assert Paths.load(tmp_path / connecting.FILE).measured.sum() == 3
