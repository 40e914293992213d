"""What tests of experiments share: small settings on a tiny model, and a task that measures."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import tiny
from explorer.experiments.catalogue import experiment
from explorer.experiments.runs import Run
from explorer.specs.experiments import Settings
from tests.steps import exhaust

if TYPE_CHECKING:
    from explorer.model.pool import ModelPool
    from explorer.tasks.experiments.task import RunTask

QUICK = tiny.QUICK.model_copy(update={"max_steps": 60})
"""Exact after some twenty steps on a tiny model, for three or four tokens."""

USUAL: dict[str, Any] = {"lengths": (1, 3), "source": "unseen", "texts": 2, "recipe": QUICK}
"""Fields that make an experiment a matter of seconds, where it has them."""

SMALL: dict[str, dict[str, Any]] = {
    "capacity": {"sources": ("unseen",), "ladder": (2, 6)},
    "readout": {"contexts": 2, "context_length": 6, "length": 3},
    "throughput": {"lengths": (2, 5), "repeats": 3},
    "sharing": {"group_sizes": (1, 2), "length": 3, "texts": 4},
}
"""What each needs besides."""

MakeSettings = Callable[..., Settings]
MakeTask = Callable[..., "RunTask"]
MakeRun = Callable[..., Run]


@pytest.fixture
def small(tiny_llama_folder: Path) -> MakeSettings:
    """Give small settings of an experiment by its name; keywords replace fields."""

    def make(name: str, **fields: Any) -> Settings:
        asked = experiment(name)
        usual = {name: USUAL[name] for name in USUAL.keys() & asked.settings.model_fields.keys()}
        mine = {"model": str(tiny_llama_folder)} | usual | SMALL.get(name, {})
        return asked.make(mine | fields)

    return make


@pytest.fixture
def task(pool: "ModelPool") -> MakeTask:
    """Give a task for settings."""
    from explorer.tasks.experiments.task import RunTask

    return lambda settings, **rest: RunTask(settings, pool, **rest)


@pytest.fixture
def measured(small: MakeSettings, task: MakeTask) -> MakeRun:
    """Give a run whose cells are all measured."""

    def make(name: str, **fields: Any) -> Run:
        working = task(small(name, **fields))
        exhaust(working.steps())
        return working.run

    return make
