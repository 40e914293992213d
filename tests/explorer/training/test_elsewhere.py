"""A training step on a GPU mixes no devices, and waits for it once for each length of its rows.

Shown without one: see `tests.explorer.training.elsewhere`.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from explorer.model.families import FAMILIES

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def found() -> dict[str, str | None]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.explorer.training.elsewhere"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    read: dict[str, str | None] = json.loads(done.stdout.splitlines()[-1])
    return read


@pytest.mark.parametrize("family", FAMILIES)
def test_passes_and_steps_stay_on_their_device(found: dict[str, str | None], family: str) -> None:
    mine = {name: wrong for name, wrong in found.items() if family in name.split(", ")}
    assert len(mine) == 3
    assert not {name: wrong for name, wrong in mine.items() if wrong is not None}


def test_what_would_wait_or_mix_is_noticed(found: dict[str, str | None]) -> None:
    caught = {name: wrong for name, wrong in found.items() if name.startswith("caught")}
    assert len(caught) == 5 and None not in caught.values(), caught
