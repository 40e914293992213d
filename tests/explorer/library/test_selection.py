from collections.abc import Callable
from pathlib import Path

import pytest

from explorer.base import folders
from explorer.library import items as library
from explorer.library import selection
from explorer.library.selection import Wish, chosen
from explorer.solutions.solution import Solution

Kept = Callable[..., Solution]


@pytest.fixture
def items(kept: Kept) -> list[library.Item]:
    kept(1, text="The heron waits", accuracy=1.0, exact=True, c_tokens=3)
    kept(2, text="The tram goes home", model="other/model")
    kept(3, text="HERON and tram", title="from a letter")
    for item, tags in zip(library.items("solution"), (["a", "b"], ["a"], []), strict=True):
        library.relabel(item, name="", note=f"note {item.record and item.record.seed}", tags=tags)
    return library.items("solution")


@pytest.mark.parametrize(
    ("wish", "seeds"),
    [
        (Wish(), [3, 2, 1]),
        (Wish(words="heron"), [3, 1]),
        (Wish(words="  TRAM home"), [2]),
        (Wish(words="note 3"), [3]),
        (Wish(words="letter"), [3]),
        (Wish(words="seed 3"), [3]),
        (Wish(words="nowhere"), []),
        (Wish(models=("other/model",)), [2]),
        (Wish(tags=("a",)), [3, 2]),
        (Wish(tags=("a", "b")), [3]),
        (Wish(exact=True), [1]),
        (Wish(origins=("imported",)), []),
        (Wish(words="heron", exact=True, models=("tiny",)), [1]),
    ],
)
def test_a_wish_is_fulfilled_by_those_that_fit(
    items: list[library.Item], wish: Wish, seeds: list[int]
) -> None:
    assert [item.record.seed for item in chosen(items, wish) if item.record] == seeds


def test_sizes_add_up(own_cache: Path) -> None:
    for name, size in {
        "models/m/weights": 700, "solutions/run/a": 50, "trash/x/held/b": 30, "explorer.db": 9,
        "logs/worker.log": 1, "paths/a/paths.safetensors": 400,
        "paths/a/control_point.safetensors": 4,
        "paths/b/landscape.safetensors": 300, "paths/c/radius.safetensors": 20,
        "experiments/r/cells.jsonl": 11, "analyses/map-1.json": 12, "jobs/j/frames.log": 13,
        "assets/shakespeare/play": 14, "paces/x.json": 2,
    }.items():  # fmt: skip
        file = own_cache / name
        folders.make(file.parent)
        file.write_bytes(b"x" * size)
    used = selection.disk_use()
    assert (used["models"], used["solutions and recordings"], used["trash"]) == (700, 50, 30)
    assert (used["paths"], used["landscapes"]) == (404, 320)
    assert (used["experiments"], used["analyses"], used["texts"]) == (11, 12, 14)
    assert (used["frames and checkpoints of jobs"], used["logs"]) == (13, 1)
    assert used["other"] == 11 and used["sets"] == 0
    assert sum(used.values()) == selection.size_of(own_cache)


def test_nothing_takes_no_room(own_cache: Path) -> None:
    assert set(selection.disk_use().values()) == {0}
