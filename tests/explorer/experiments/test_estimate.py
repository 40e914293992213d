"""What is said of a run's time before it starts: from a step timed here, where there is one."""

import re
from typing import Any

import pytest

from explorer import paces
from explorer.experiments import estimate
from explorer.experiments.catalogue import EXPERIMENTS, experiment
from explorer.formatting import human_seconds
from explorer.paces import Pace
from explorer.recipes import INDEPENDENT

RECIPE = INDEPENDENT.model_copy(update={"max_steps": 100})


def before(name: str, pace: float | None, **fields: Any) -> str:
    asked = experiment(name)
    return estimate.before(asked, asked.make({"model": "a/tiny", **fields}), 10**6, pace)


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_a_timed_step_replaces_the_assumption(name: str) -> None:
    assert "two CPU cores" in before(name, None)
    assert "timed on this machine" in before(name, 1e-3)
    assert "CPU" not in before(name, 1e-3)


def test_the_most_is_every_cell_at_its_longest() -> None:
    fields: dict[str, Any] = {"lengths": (4, 10), "texts": 10, "recipe": RECIPE}
    one_by_one = before("training-time", 1e-3, **fields, restarts=8)
    most = 10 * 8 * (4 + 10) * 100 * 1e-3
    assert f"2 cells: about {human_seconds(most / 3)} to {human_seconds(most)}" in one_by_one


def test_few_rows_take_as_long_as_some_more() -> None:
    fields: dict[str, Any] = {"lengths": (4,), "texts": 1, "recipe": RECIPE}
    alone = before("training-time", 1e-3, **fields, restarts=1)
    together = before("training-time", 1e-3, **fields, restarts=8)
    assert alone.partition(":")[2] == together.partition(":")[2]


def test_the_step_that_is_timed_is_the_runs_own() -> None:
    asked = experiment("sharing").make({"model": "a/tiny", "length": 9, "recipe": RECIPE})
    assert estimate.step(asked) == (9, "e+mN", RECIPE)
    ladder = experiment("throughput").make({"model": "a/tiny", "lengths": (2, 7)})
    assert estimate.step(ladder) == (7, "e+mN", INDEPENDENT)


def test_a_pace_is_kept_for_each_model_and_number_format() -> None:
    assert paces.find("a/tiny", "auto") is None
    file = paces.keep(Pace(model="a/tiny", precision="auto", token_seconds=0.5))
    paces.keep(Pace(model="a/tiny", precision="float32", token_seconds=2.0))
    found = paces.find("a/tiny", "auto")
    assert found is not None and found.token_seconds == 0.5
    assert paces.find("another", "auto") is None
    file.write_text("{")
    assert paces.find("a/tiny", "auto") is None
    assert re.search("two CPU cores", before("sharing", None))
