"""The families' benchmark says ratios that follow from what it timed."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from explorer.model.families import FAMILIES


@pytest.mark.end_to_end
def test_it_prints_every_family_in_one_object() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.bodies", "--short", "--json"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert [line["family"] for line in found["families"]] == list(FAMILIES)
    for line in found["families"]:
        assert line["over_llama"] > 0 and line["over_autograd"] > 0 and line["step_seconds"] > 0


def test_a_family_is_timed_beside_llama_turn_by_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine slows down in the middle: a ratio of medians would be off, that of turns is 3."""
    from benchmarks import bodies

    turns: list[str] = []

    def step_of(model: SimpleNamespace, *_: int) -> SimpleNamespace:
        return SimpleNamespace(step=model)

    def timed(step: SimpleNamespace, _: object) -> float:
        turns.append(step.name)
        return float(step.pace * (10 if len(turns) > 6 else 1))

    monkeypatch.setattr(bodies, "trainer", step_of)
    monkeypatch.setattr(bodies, "seconds", timed)
    one = SimpleNamespace(name="a", pace=3.0, device="cpu")
    other = SimpleNamespace(name="b", pace=1.0, device="cpu")
    ratio, own, rounds = bodies.beside(one, other, 4)  # type: ignore[arg-type]
    assert (ratio, own, rounds) == (3.0, (3.0 + 30.0) / 2, 4)
    assert turns == ["a", "b"] * 5
    for within, expected in ((0.0, bodies.LEAST), (5 * 40.0, 4), (1e9, 9)):
        assert bodies.beside(one, other, 9, within)[2] == expected  # type: ignore[arg-type]
