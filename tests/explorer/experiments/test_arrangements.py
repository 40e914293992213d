"""Arrangements: the numbers of a run, and the mathematics of why A1 must fail."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from explorer.experiments import arrangements, runs
from explorer.experiments.runs import Done, Header, Run
from explorer.figures.experiments import charts
from explorer.solutions.solution import load_solution
from explorer.specs.arrangements import ARRANGEMENTS, PAPER_KEYS
from explorer.specs.experiments import ArrangementsSettings

if TYPE_CHECKING:
    from explorer.model.pool import ModelPool
    from tests.explorer.experiments.conftest import MakeRun


def test_every_number_follows_from_the_saved_solutions(
    measured: "MakeRun", pool: "ModelPool"
) -> None:
    from explorer.model.metrics import score

    run = measured("arrangements")
    assert len(run.table) == 2 * len(PAPER_KEYS) * 2  # lengths, arrangements, texts
    for row in run.table.to_dict("records"):
        solution = load_solution(run.folder / runs.SOLUTIONS / row["solution"])
        record = solution.record
        model = pool.of_weights(record.model, record.fingerprint)
        again = score(
            model, solution.e, solution.m, solution.target_ids.tolist(), record.arrangement
        )
        assert again.accuracy == row["accuracy"] == record.accuracy
        assert again.correct.astype(int).tolist() == row["correct"]
        assert len(row["correct"]) == row["n"]
    found = arrangements.summary(run)
    for line in found.to_dict("records"):
        part = run.table[(run.table["id"] == line["id"]) & (run.table["n"] == line["n"])]
        assert line["mean"] == pytest.approx(part["accuracy"].mean())
        assert line["sd"] == pytest.approx(np.std(part["accuracy"]))


def test_one_vector_says_the_same_everywhere_where_positions_leave_values_alone(
    measured: "MakeRun",
) -> None:
    run = measured("arrangements", arrangements=("e", "e+mN"), lengths=(4,), texts=3)
    assert run.header.rotary
    apart = arrangements.spread(run).set_index("id")["difference"]
    assert apart["A1"] < 1e-3 < apart["A4"]
    found = arrangements.summary(run).set_index("id")
    assert found.loc["A1", "mean"] <= found.loc["A1", "bound"] + 1e-9
    (why,) = [f for f in arrangements.findings(run) if f.id == "I5"]
    assert why.shown is True


def test_cells_of_old_that_do_not_say_how_outputs_differ_decide_nothing(
    measured: "MakeRun",
) -> None:
    run = measured("arrangements", arrangements=("e", "e+mN"), lengths=(4,), texts=2)
    of_old, newer = run.done
    rows = [{k: v for k, v in row.items() if k != "difference"} for row in of_old.rows]
    mixed = replace(run, done=(of_old.model_copy(update={"rows": rows}), newer))
    (why,) = [f for f in arrangements.findings(mixed) if f.id == "I5"]
    assert why.shown is None and "nan" not in why.figure


def test_the_best_restart_counts(measured: "MakeRun") -> None:
    run = measured("arrangements", arrangements=("e+mN",), lengths=(3,), restarts=3)
    best = arrangements.best(run)
    assert len(best) == 2
    for row in best.to_dict("records"):
        part = run.table[run.table["text"] == row["text"]]
        assert row["accuracy"] == part["accuracy"].max()


def test_charts_have_words_and_numbers(measured: "MakeRun") -> None:
    over_length, where = charts(measured("arrangements"))
    assert "A4" in over_length.alt and len(over_length.table) == 2 * len(PAPER_KEYS)
    assert set(where.table["n"]) == {3} and where.table["right"].between(0, 1).all()


FULL = ArrangementsSettings(model="tiny").recipe.max_steps


def test_a_run_stopped_half_way_is_compared_where_all_were_measured(measured: "MakeRun") -> None:
    """At the longest N only the first arrangement is done: it holds the most of one."""
    run = measured("arrangements", arrangements=("e", "e+mN"), lengths=(1, 3))
    half = replace(run, done=run.done[:3])
    over_length = charts(half)[0]
    assert over_length.figure.layout.title.text.startswith("At N = 1, ")
    names = [trace.name for trace in over_length.figure.data]
    assert any("A1 cannot exceed it" in name for name in names)
    other = replace(half, header=half.header.model_copy(update={"rotary": False}))
    names = [trace.name for trace in charts(other)[0].figure.data]
    assert not any("A1 cannot exceed it" in name for name in names)
    means = arrangements.summary(half).query("n == 1")["mean"]
    tied = "A1 and A4 hold the most" in over_length.figure.layout.title.text
    assert tied is (means.nunique() == 1)


def made(steps: int = FULL, **accuracy: list[list[float]]) -> Run:
    """Give a run of arrangements at N = 4: the accuracy of each text, a list a restart."""
    keys = {ARRANGEMENTS[key].checklist_id: key for key in PAPER_KEYS}
    rows = [
        {"arrangement": keys[name], "id": name, "n": 4, "text": text, "restart": restart,
         "accuracy": a, "exact": a == 1, "correct": [int(i < 4 * a) for i in range(4)],
         "most_frequent": 0.25, "steps": steps}
        for name, restarts in accuracy.items()
        for restart, texts in enumerate(restarts) for text, a in enumerate(texts)
    ]  # fmt: skip
    header = Header(
        id="0" * 12,
        settings=ArrangementsSettings(model="tiny"),
        fingerprint="f" * 64,
        d_model=4,
        rotary=False,
        device="CPU",
        created="2026-01-02T03:04:05+00:00",
    )
    cell = Done(key="all", rows=rows, seconds=1.0, finished=header.created)
    return Run(header, Path("nowhere"), (cell,))


ALL, HALF, FEW = ([[a] * 6] for a in (1.0, 0.5, 0.25))
MIXED = [[1.0, 0.0, 1.0, 0.0, 0.75, 0.25]]


@pytest.mark.parametrize(
    ("one", "two", "shown"),
    [
        (FEW, ALL, True),
        (HALF, FEW, False),
        (HALF, MIXED, None),
        (ALL, ALL, False),
        ([FEW[0][:5]], [ALL[0][:5]], None),
    ],
)
def test_two_vectors_are_needed_where_one_fails_and_two_do_not(
    one: list[list[float]], two: list[list[float]], shown: bool | None
) -> None:
    for name in ("A4", "A5"):
        found = arrangements.findings(made(A1=one, **{name: two}))[0]
        assert (found.id, found.shown) == ("F1", shown)
        assert f"{name} {np.mean(two):.2f}" in found.figure


@pytest.mark.parametrize(
    ("halves", "alternating", "last", "shown"),
    [
        (FEW, HALF, ALL, True),
        (FEW, ALL, HALF, False),
        (FEW, HALF, MIXED, None),
        (ALL, ALL, ALL, False),
        (FEW, [[0.97] * 6], ALL, False),  # no more than the first token makes
        (FEW, [[0.9] * 6], ALL, True),
        (FEW, FEW, [HALF[0], ALL[0]], True),
    ],
)
def test_order_matters_where_a5_beats_both_of_the_others(
    halves: list[list[float]],
    alternating: list[list[float]],
    last: list[list[float]],
    shown: bool | None,
) -> None:
    """A4 says nothing of it: the paper means A5."""
    run = made(A2=halves, A3=alternating, A4=ALL, A5=last)
    found = arrangements.findings(run)[1]
    assert (found.id, found.shown) == ("F2", shown)
    assert arrangements.findings(made(A2=FEW, A3=FEW, A4=ALL))[1].shown is None


def test_what_a5_misses_is_told_from_its_stuck_starts() -> None:
    stuck = [[0.75, 0.75, 0.75, 0.75, 0.0, 0.0]]
    reason = arrangements.findings(made(A2=HALF, A3=HALF, A5=stuck))[1].reason
    assert "2 of 6 texts had no restart" in reason and "A5 the first in 100%" in reason
    assert "3 restarts would leave one in twenty so" in reason
    both = [stuck[0], stuck[0][::-1]]
    moved = arrangements.findings(made(A2=ALL, A3=ALL, A5=both))[1]
    assert moved.shown is False and moved.reason.startswith("With A5, each of 6 texts")


def test_starts_that_were_stopped_tell_no_number_of_restarts() -> None:
    starts = [[0.75] * 5 + [0.0], [0.0] * 6]
    both = [made(n, A2=ALL, A3=ALL, A5=starts) for n in (FULL, 39)]
    full, stopped = (arrangements.findings(run)[1].reason for run in both)
    assert "6 restarts would leave" in full and "would leave" not in stopped
    assert stopped.startswith("With A5, 1 of 6 texts")


def test_where_no_text_is_stuck_that_is_said() -> None:
    reason = arrangements.findings(made(A2=ALL, A3=ALL, A5=[[0.75] * 6]))[1].reason
    assert reason.startswith("With A5, each of 6 texts had a restart that gets half")
    assert "A5 the first in 100%, later ones in 67%" in reason
