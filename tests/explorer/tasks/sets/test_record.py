"""A set on the disk while it grows: what is there is never thrown away."""

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from explorer.base.errors import CorruptFileError, StorageError
from explorer.library import items
from explorer.solutions import sets
from explorer.solutions.solution import load_solution
from explorer.specs.jobs import SolveSetSpec
from explorer.tasks.sets.building import SetBuilder
from explorer.tasks.sets.record import GrowingSet
from tests.steps import exhaust

if TYPE_CHECKING:
    from explorer.model.pool import ModelPool


def test_a_set_that_cannot_be_read_for_a_moment_is_not_begun_afresh(
    spec: Callable[..., SolveSetSpec], pool: "ModelPool", monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = (task := SetBuilder(spec(), pool)).steps()
    while len(task.record.members) < 2:
        next(steps)
    steps.close()
    file = task.folder / sets.SET_FILE
    kept, read, looks = file.read_bytes(), Path.read_bytes, [0]

    def stale(path: Path) -> bytes:
        looks[0] += path == file
        if path == file and looks[0] == 3:
            raise OSError(errno.ESTALE, "Stale file handle")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", stale)
    again = SetBuilder(spec(), pool).steps()
    with pytest.raises(StorageError, match=r"set\.json in .* cannot be read"):
        for _ in range(3):
            next(again)
    assert read(file) == kept
    looks[0] = 2
    (item,) = items.items("set")
    assert item.problem is not None
    (item,) = items.items("set")  # a moment later
    assert item.problem is None


def test_a_damaged_set_is_not_thrown_away(
    spec: Callable[..., SolveSetSpec], pool: "ModelPool"
) -> None:
    file = SetBuilder(spec(), pool).folder / sets.SET_FILE
    file.parent.mkdir(parents=True)
    file.write_text("{")
    with pytest.raises(CorruptFileError, match=r"Delete the set, then make it again\."):
        SetBuilder(spec(), pool)
    assert file.read_text() == "{"


def test_what_a_set_has_is_not_replaced_by_what_a_kill_made_twice(
    spec: Callable[..., SolveSetSpec], pool: "ModelPool", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rounding may end a row elsewhere in other company: what `set.json` says is of its files."""
    given: list[Any] = []
    keep = GrowingSet.keep
    monkeypatch.setattr(GrowingSet, "keep", lambda *all_: (given.append(all_), keep(*all_))[1])
    exhaust((task := SetBuilder(spec(), pool)).steps())
    growing, found, row, nats = given[0]
    growing.keep(replace(found, vectors=found.vectors + 1, steps=found.steps + 1), row, nats)
    (member,) = (m for m in growing.record.members if m.slot == row.slot)
    kept = load_solution(task.folder / member.file)
    assert kept.record.steps == member.steps == found.steps
    assert (kept.e == found.e).all()
