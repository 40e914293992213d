"""Curves and landscapes in parts, gathered without a cluster: what a plain run gives."""

from collections.abc import Sequence
from contextlib import closing
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from explorer.base.errors import CorruptFileError
from explorer.cluster.carried import CARRIED_OUT, Carried
from explorer.cluster.curves import CurveDivision
from explorer.cluster.parts import Division, Finished
from explorer.cluster.planes import PlaneDivision
from explorer.landscape import patches
from explorer.landscape.result import Landscape
from explorer.paths.places import LANDSCAPE
from explorer.paths.result import FILE, Paths
from explorer.specs.curves import PathRecipe
from explorer.specs.jobs import LandscapeSpec
from explorer.tasks.landscape.measuring import LandscapeTask
from explorer.tasks.paths.connecting import Connecting
from tests.steps import exhaust

if TYPE_CHECKING:
    from explorer.model.pool import ModelPool
    from explorer.solutions.solution import Solution

RECIPE = PathRecipe(
    max_steps=20,
    finish_steps=0,
    samples=2,
    points=7,
    look_every=5,
    precision="float32",
    stop_early=False,
)
TIMES = {"seconds", "pass_seconds", "created", "points_per_second", "plain_per_second"}
PIECES = {"pieces"}
"""A checkpoint in between names the tokens of its own measurement too."""


def node_of(division: Division, pool: "ModelPool") -> Carried:
    """Return what carries parts out, and begin."""
    carried = Carried(CARRIED_OUT[division.kind](division.described, pool))
    division.begin(carried.made())
    return carried


def carry_on(division: Division, carried: Carried) -> None:
    """Carry out what is left, the last part first."""
    while left := division.left():
        known = division.known(left[-1])
        exhaust(carried.steps(left[-1].key, known))
        division.keep(left[-1], Finished(carried.made(known)))
    division.finish()


def same(mine: Any, theirs: Any) -> None:
    """Make sure that two files of paths or landscapes hold the same, times left out."""
    left_out = TIMES | PIECES
    assert mine.header.model_dump(exclude=left_out) == theirs.header.model_dump(exclude=left_out)
    assert mine.header.pieces.items() >= theirs.header.pieces.items()
    for name, value in vars(theirs).items():
        if isinstance(value, np.ndarray) and name != "history":
            np.testing.assert_array_equal(getattr(mine, name), value)


def same_paths(mine: Paths, theirs: Paths) -> None:
    """Make sure of the same for profiles and histories."""
    same(mine, theirs)
    for which in ("line", "curve"):
        for name, value in vars(getattr(theirs, which)).items():
            np.testing.assert_array_equal(getattr(getattr(mine, which), name), value)
    for pair in range(len(theirs)):
        histories = (of.history[of.history["pair"] == pair] for of in (mine, theirs))
        np.testing.assert_array_equal(*histories)


@pytest.fixture
def pairs(exact_solutions: "list[Solution]") -> "Sequence[tuple[Solution, Solution]]":
    return list(combinations(exact_solutions[:3], 2))


@pytest.fixture
def curves(pairs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Begin a division into batches of two pairs; the next goes on with its file."""
    monkeypatch.setattr("explorer.cluster.curves.CURVE_ROWS", 4)
    return lambda: CurveDivision(pairs, "bezier", RECIPE, tmp_path / "out")


@pytest.fixture
def plain(pairs: Any, pool: "ModelPool", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Connect the pairs as one process does, two at a time."""
    monkeypatch.setattr("explorer.tasks.paths.connecting.ROWS_AT_ONCE", 4)
    task = Connecting(pairs, "bezier", RECIPE, pool, tmp_path / "plain")
    exhaust(task.steps())
    return Paths.load(tmp_path / "plain" / FILE)


def test_curves_made_in_batches_are_those_of_a_plain_run(
    curves: Any, plain: Paths, pool: "ModelPool", tmp_path: Path
) -> None:
    division = curves()
    carry_on(division, node_of(division, pool))
    made = Paths.load(tmp_path / "out" / FILE)
    assert made.over.all() and made.header.seconds > 0
    same_paths(made, plain)


def test_a_batch_goes_on_from_where_a_lost_node_was_also_under_another_driver(
    curves: Any, plain: Paths, pool: "ModelPool", tmp_path: Path
) -> None:
    first = curves()
    carried = node_of(first, pool)
    part = first.left()[0]
    with closing(carried.steps(part.key, first.known(part))) as steps:
        while carried.task.inside < 0.5:
            next(steps)
    first.keep_step(part, carried.kept())
    first.checkpoint()

    again = curves()
    carried = node_of(again, pool)
    known = again.known(part)
    steps = carried.steps(part.key, known)
    next(steps)
    assert carried.task.inside >= 0.5
    exhaust(steps)
    again.keep(part, Finished(carried.made(known)))
    carry_on(again, carried)
    same_paths(Paths.load(tmp_path / "out" / FILE), plain)


def test_a_node_that_answers_for_other_pairs_is_refused(curves: Any, pool: "ModelPool") -> None:
    division = curves()
    whole = node_of(division, pool).made()
    with pytest.raises(CorruptFileError, match="sent 3 pairs where 2 were asked"):
        division.keep_step(division.left()[0], whole)


def test_a_landscape_made_in_patches_is_that_of_a_plain_run(
    plain: Paths, pool: "ModelPool", tmp_path: Path
) -> None:
    spec = LandscapeSpec(paths="made", level=5)
    task = LandscapeTask(plain, spec, pool, tmp_path / "alone")
    exhaust(task.steps())
    first = PlaneDivision(plain, spec, tmp_path / "plane")
    carried = node_of(first, pool)
    assert [part.key for part in first.left()][:3] == ["3:0", "4:0", "5:0"]
    for part in first.left()[1::2]:  # as nodes finish in any order
        exhaust(carried.steps(part.key, {}))
        first.keep(part, Finished(carried.made({})))
    assert first.found.header.reached == -1
    first.checkpoint()
    again = PlaneDivision(plain, spec, tmp_path / "plane")
    carry_on(again, node_of(again, pool))
    made = Landscape.load(tmp_path / "plane" / LANDSCAPE)
    assert made.header.reached == 5 and made.share > 0
    same(made, Landscape.load(tmp_path / "alone" / LANDSCAPE))


def test_patches_cover_the_grid_once() -> None:
    for finest in (3, 4, 6):
        points = [
            tuple(p) for name in patches.names(finest) for p in patches.points_of(name, finest)
        ]
        assert len(points) == len(set(points)) == (2**finest + 1) ** 2
