"""Arrangements: the numbers of a run, and the mathematics of why A1 must fail."""

from typing import TYPE_CHECKING

import numpy as np
import pytest

from explorer.experiments import arrangements, runs
from explorer.figures.experiments.drawing import charts
from explorer.solutions.solution import load_solution
from explorer.specs.arrangements import PAPER_KEYS

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
