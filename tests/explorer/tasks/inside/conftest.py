"""What tests of looks share: one inside a solution of the tiny model."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from explorer.specs.jobs import InsideSpec
from explorer.tasks.inside.looking import InsideTask
from tests.steps import exhaust

if TYPE_CHECKING:
    from explorer.model.pool import ModelPool
    from explorer.solutions.solution import Solution

Look = Callable[..., InsideTask]


@pytest.fixture
def look(pool: "ModelPool", exact_solutions: "list[Solution]", tmp_path: Path) -> Look:
    """Look inside the first of the solutions, or a changed one."""

    def make(
        solution: "Solution | None" = None, swap_with: "tuple[Solution, ...]" = (), **asked: Any
    ) -> InsideTask:
        spec = InsideSpec(solution="made", depths=99, **asked)
        task = InsideTask(
            solution or exact_solutions[0], spec, pool, tmp_path, "job", list(swap_with)
        )
        exhaust(task.steps())
        return task

    return make
