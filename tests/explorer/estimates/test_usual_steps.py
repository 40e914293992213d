"""How many steps a text usually takes: what was seen on this machine goes before what ships."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from explorer.base import folders
from explorer.estimates import outlook, usual_steps
from explorer.estimates.usual_steps import AS_LONG, QUICKER, Sample, usual
from explorer.experiments import runs
from explorer.runtime.step_times import StepTime
from explorer.solutions import store
from explorer.solutions.solution import BEATEN, halted
from explorer.specs.jobs import ReconstructSpec
from explorer.specs.recipes import FAST, INDEPENDENT, PAPER

if TYPE_CHECKING:
    from explorer.solutions.solution import Solution

MODEL = "smollm2-135m"
SPEC = ReconstructSpec(
    model=MODEL, text="x", length=24, arrangement="e+mN", recipe=FAST, restarts=4, until="first"
)


def a_sample(count: float, *, exact: bool = True, here: bool = False, **fields: object) -> Sample:
    made: dict[str, object] = {
        "model": MODEL, "here": here, "scheme": "pair", "arrangement": "e+mN", "suits": True,
        "kind": "independent", "n": 10, "steps": count, "exact": exact, "most": 800,
    }  # fmt: skip
    return Sample(**(made | fields))  # type: ignore[arg-type]


def test_the_recorded_runs_say_what_readme_says() -> None:
    """Steps to the first exact of four at N = 24 and 8, and of one restart of `independent`."""
    found = usual(MODEL, "e+mN", FAST, 24)
    assert 56 <= found.at(0.5, 4) <= 123 and found.share > 0.7
    assert 16 <= usual(MODEL, "e+mN", FAST, 8).at(0.5, 4) <= 32
    assert 213 / 1.5 <= usual(MODEL, "e+mN", INDEPENDENT, 24).at(0.5) <= 213 * 1.5


def test_longer_texts_take_longer_and_what_never_worked_takes_all() -> None:
    means = [usual(MODEL, "e+mN", INDEPENDENT, n).mean(800) for n in (4, 8, 16, 32, 64)]
    assert means == sorted(means)
    assert usual(MODEL, "e", INDEPENDENT, 16).share == 0
    assert usual(MODEL, "e+mN", PAPER, 8).at(0.5) > 5 * usual(MODEL, "e+mN", FAST, 8).at(0.5)


def test_this_machine_goes_before_what_ships_and_the_recipe_before_others() -> None:
    shipped = [a_sample(100)] * 9
    others = [a_sample(70, here=True, kind="informed")] * 9
    own = [a_sample(40, here=True)] * 3
    assert usual(MODEL, "e+mN", INDEPENDENT, 10, seen=shipped).at(0.5) == 100
    assert usual(MODEL, "e+mN", INDEPENDENT, 10, seen=[*shipped, *own]).at(0.5) == 40
    assert usual(MODEL, "e+mN", INDEPENDENT, 10, seen=[*shipped, *own[:2]]).here == 2
    alone = usual(MODEL, "e+mN", INDEPENDENT, 10, seen=others)
    assert alone.at(0.5) == pytest.approx(70 / AS_LONG["informed"])


def test_a_sink_before_e_is_told_from_its_own_runs_else_from_those_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(usual_steps, "suiting", lambda model: ("sink+e+mN", "e+mN", "sink+mixed"))
    without = [a_sample(100)] * 9
    own = [a_sample(60, arrangement="sink+e+mN")] * 3
    for arrangement in ("auto", "sink+e+mN"):
        assert usual(MODEL, arrangement, INDEPENDENT, 10, seen=without).at(0.5) == 100
        assert usual(MODEL, arrangement, INDEPENDENT, 10, seen=[*without, *own]).at(0.5) == 60
    assert usual(MODEL, "e+mN", INDEPENDENT, 10, seen=[*without, *own]).at(0.5) == 100
    assert usual(MODEL, "sink+e+mN", INDEPENDENT, 10, seen=[*without, *own[:2]]).at(0.5) == 100


def test_mixed_is_told_from_its_own_runs_else_as_quicker_the_longer_the_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One sample does not say enough: the estimate stays what it was before."""
    monkeypatch.setattr(usual_steps, "suiting", lambda model: ("sink+e+mN", "e+mN", "sink+mixed"))
    for n, part in ((8, 0.9), (16, 0.775), (24, 0.65), (48, 0.65)):
        nearest = [a_sample(100, arrangement="sink+e+mN", n=n)] * 3
        mixed = [a_sample(30, arrangement="sink+mixed", n=n)] * 3
        for few in range(3):
            found = usual(MODEL, "sink+mixed", INDEPENDENT, n, seen=nearest + mixed[:few])
            assert found.at(0.5) == pytest.approx(100 * part) and found.share == 1
        assert usual(MODEL, "sink+mixed", INDEPENDENT, n, seen=nearest + mixed).at(0.5) == 30


def test_another_model_learns_from_the_arrangement_that_suited() -> None:
    seen = [a_sample(50)] * 4 + [a_sample(800, exact=False, arrangement="e", suits=False)] * 4
    assert usual("a/b", "e+mN-1", INDEPENDENT, 10, seen=seen).at(0.5) == 50
    assert usual("a/b", "e", INDEPENDENT, 10, seen=seen).share == 0


def test_who_was_not_given_long_enough_says_nothing() -> None:
    patient = [a_sample(100)] * 3 + [a_sample(800, exact=False)] * 3
    hasty = [a_sample(100)] * 3 + [a_sample(120, exact=False, most=120)] * 3
    assert usual(MODEL, "e+mN", INDEPENDENT, 10, seen=patient).share == 0.5
    assert usual(MODEL, "e+mN", INDEPENDENT, 10, seen=hasty).share == 1.0


def test_nothing_seen_is_an_assumption() -> None:
    found = usual(MODEL, "e+mN", INDEPENDENT, 10, seen=[])
    assert found.here == 0 and found.share > 0 and 60 < found.at(0.5) < 300


def test_solutions_of_this_machine_are_seen(
    make_solution: "Callable[..., Solution]", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(folders, "recorded", lambda: tmp_path / "nothing-ships")
    assert usual_steps.samples() == []
    solution = make_solution(exact=True, accuracy=1.0, c_tokens=3, job="job1")
    store.keep(solution, "job1")
    ended_by_another = make_solution(id="0123456789ab-00000002", seed=1, job="job1", text="other")
    store.keep(ended_by_another, "job1")
    (found,) = usual_steps.samples()
    record = solution.record
    assert (found.n, found.here, found.model) == (solution.length, True, record.model)
    assert found.steps == record.steps and found.exact == record.exact


@pytest.mark.parametrize("reason", [BEATEN, halted(7), None])
def test_restarts_count_as_alone_unless_one_ended_the_others(
    reason: str | None,
    make_solution: "Callable[..., Solution]",
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The first exact of two was the quicker of them; of two that both became exact, neither is."""
    monkeypatch.setattr(folders, "recorded", lambda: tmp_path / "nothing-ships")
    for k, why in enumerate((None, reason)):
        fields = {"exact": True, "accuracy": 1.0, "c_tokens": 3} if why is None else {"reason": why}
        solution = make_solution(id=f"0123456789ab-0000000{k}", seed=k, job="a", steps=10, **fields)
        store.keep(solution, "a")
    alone = 10.0 if reason is None else 10 * 2**QUICKER
    assert [s.steps for s in usual_steps.samples()] == [alone] * (2 if reason is None else 1)


def test_what_several_rows_tell_of_one_restart_counts_once() -> None:
    """A read-out has a row for each start from which the model goes on to write."""
    (run,) = (r for r in map(runs.load, runs.run_folders("readout")) if r.ships)
    seen = usual_steps._of_run(run.folder, 0)
    assert 0 < len(seen) <= len(run.done) < len(run.table)


def test_the_first_of_several_is_quicker() -> None:
    found = usual_steps.Usual((10.0, 20.0, 30.0), 0.5)
    assert found.at(0.5, 4) == pytest.approx(20 / 4**QUICKER)
    assert found.any_of(2) == 0.75 and found.any_of(1) == 0.5
    assert found.mean(25) == pytest.approx((10 + 20 + 25) / 3)


def test_what_is_said_of_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = [a_sample(k * 4**QUICKER, n=24, kind="informed", here=True) for k in (50, 90, 100, 130)]
    monkeypatch.setattr(usual_steps, "samples", lambda: seen)
    found = outlook.of_text(SPEC)
    assert found.sentence == "A text like this one usually takes 50 to 130 steps."
    assert found.after(31, 0.1) == (
        "A text like this one usually takes 50 to 130 steps, about 5.9 s more."
    )
    assert found.after(200, 0.1) == (
        "A text like this one usually takes 50 to 130 steps; this one takes more."
    )
    step_time = StepTime(model=MODEL, precision="auto", token_seconds=2e-3, pass_seconds=0.08)
    timed = outlook.of_text(SPEC, step_time)
    assert timed.seconds is not None and 10 < timed.seconds.usual < 40 < timed.seconds.most
    assert "about" in timed.sentence and timed.sentence.endswith(" here.")
    seen[:] = [a_sample(800, n=24, exact=False) for _ in range(4)]
    assert "no text like this one" in outlook.of_text(SPEC).sentence


@pytest.mark.parametrize(
    ("seconds", "said"), [(3.21, "3.2 s"), (11.2, "11 s"), (59.7, "59.7 s"), (75, "1:15 min")]
)
def test_an_estimate_has_no_tenths_that_nobody_knows(seconds: float, said: str) -> None:
    assert outlook.about(seconds) == said
