"""Throughput and training time: medians, ratios and slopes follow from the rows that were kept."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from explorer.experiments import runs, throughput, training_time
from explorer.experiments.catalogue import experiment
from explorer.experiments.runs import Done, Header, Run
from explorer.figures.experiments import charts
from explorer.solutions.solution import load_solution

if TYPE_CHECKING:
    from explorer.model.pool import ModelPool
    from tests.explorer.experiments.conftest import MakeRun, MakeSettings


def hand_made(small: "MakeSettings", name: str, rows: list[dict[str, Any]], **fields: Any) -> Run:
    """Give a run of which one cell is done, with these rows."""
    header = Header(
        id="0" * 12,
        settings=small(name, **fields),
        fingerprint="f",
        d_model=32,
        rotary=True,
        device="CPU",
        created="2026-01-01T00:00:00Z",
    )
    done = Done(key="n-1", rows=rows, seconds=1.0, finished="2026-01-01T00:00:00Z")
    return Run(header, Path("nowhere"), (done,))


def timings(n: int, one: list[float], many: list[float]) -> list[dict[str, Any]]:
    """Give rows of one length; the first side is the one pass."""
    return [
        {"n": n, "side": side, "repeat": r, "seconds": s}
        for side, all_seconds in zip(
            (throughput.ONE_FORWARD, throughput.AUTOREGRESSIVE), (one, many), strict=True
        )
        for r, s in enumerate(all_seconds)
    ]


def trained(n: int, text: int, seconds: float, *starts: tuple[bool, int]) -> list[dict[str, Any]]:
    """Give rows of one text that took so long: exact and steps of each restart."""
    own = {"n": n, "text": text, "text_seconds": seconds, "seconds": seconds / 2}
    return [
        {**own, "restart": r, "exact": exact, "steps": steps}
        for r, (exact, steps) in enumerate(starts)
    ]


def no_gaps(run: Run) -> bool:
    """Say whether every number in the run's charts is finite."""
    values = [
        float(v)
        for chart in charts(run)
        for trace in chart.figure.data
        for axis in (trace.x, trace.y)
        for v in axis
    ]
    return bool(values) and bool(np.isfinite(values).all())


def test_medians_and_ratios_ignore_an_outlier(small: "MakeSettings") -> None:
    rows = timings(10, [0.1, 0.1, 9.0], [1.0, 2.0, 0.5]) + timings(40, [0.2] * 3, [8.0, 99.0, 8.0])
    run = hand_made(small, "throughput", rows)
    found = throughput.summary(run).set_index("n")
    assert found.loc[10, "one_forward_seconds"] == 0.1
    assert found.loc[10, "autoregressive_seconds"] == 1.0
    assert found["one_forward_tokens_per_second"].tolist() == pytest.approx([100, 200])
    assert found["autoregressive_tokens_per_second"].tolist() == pytest.approx([10, 5])
    assert found["ratio"].tolist() == pytest.approx([10, 40])
    assert found["repeats"].tolist() == [3, 3]


def test_the_mean_and_the_largest_ratio_are_both_said(small: "MakeSettings") -> None:
    rows = timings(10, [0.1] * 3, [1.0] * 3) + timings(40, [0.2] * 3, [8.0] * 3)
    run = hand_made(small, "throughput", rows)
    assert throughput.ratios(run)["ratio"].tolist() == pytest.approx([25, 40])
    (finding,) = throughput.findings(run)
    assert finding.id == "I1" and finding.shown is True
    assert "25 times as fast on average" in finding.figure
    assert "40 times as fast at best, at N = 40" in finding.figure
    one_length = hand_made(small, "throughput", rows[:6])
    assert throughput.findings(one_length)[0].shown is None


def test_both_sides_are_timed_as_often_as_asked(measured: "MakeRun") -> None:
    run = measured("throughput")
    assert len(run.table) == 2 * 2 * 3  # lengths, sides, repeats
    assert (run.table["seconds"] > 0).all()
    assert set(run.table.groupby(["n", "side"])["repeat"].nunique()) == {3}
    assert no_gaps(run) and "one pass" in charts(run)[0].alt


def test_the_first_exact_restart_counts_and_a_text_without_one_is_counted_apart(
    small: "MakeSettings",
) -> None:
    rows = [
        *trained(4, 0, 2.0, (True, 30), (True, 20)),
        *trained(4, 1, 4.0, (False, 10), (True, 40)),
        *trained(8, 0, 5.0, (True, 50)),
        *trained(8, 1, 0.5, (False, 60)),
        *trained(16, 0, 0.5, (False, 60)),
    ]
    run = hand_made(small, "training-time", rows)
    found = training_time.summary(run).set_index("n")
    assert found["seconds"].tolist()[:2] == [3.0, 5.0] and math.isnan(found.loc[16, "seconds"])
    assert found["steps"].tolist()[:2] == [30.0, 50.0]
    assert found["exact"].tolist() == [1.0, 0.5, 0.0]
    assert found["not_exact"].tolist() == [0, 1, 1]
    assert training_time.slopes(run).empty
    assert training_time.growth(run).startswith("Inconclusive here")
    assert no_gaps(run)


def test_the_slope_is_taken_only_where_every_text_is_exact(small: "MakeSettings") -> None:
    rows = [row for n in (4, 8, 16) for row in trained(n, 0, 0.5 * n, (True, 10 * n * n))]
    rows += [*trained(32, 0, 0.001, (True, 1)), *trained(32, 1, 9.0, (False, 60))]
    run = hand_made(small, "training-time", rows)
    found = training_time.slopes(run).set_index("of")
    assert found.loc["seconds", "slope"] == pytest.approx(1)
    assert found.loc["steps", "slope"] == pytest.approx(2)
    assert found["lengths"].tolist() == [3, 3]
    assert "Slope over N of seconds 1.00. Slope over N of steps 2.00" in training_time.growth(run)


def test_training_rows_follow_from_the_saved_solutions(
    measured: "MakeRun", pool: "ModelPool"
) -> None:
    from explorer.model.metrics import score

    run = measured("training-time")
    assert len(run.table) == 2 * 2 * 2  # lengths, texts, restarts
    for row in run.table.to_dict("records"):
        solution = load_solution(run.folder / runs.SOLUTIONS / row["solution"])
        record = solution.record
        assert (record.steps, record.exact) == (row["steps"], row["exact"])
        assert len(solution.target_ids) == row["n"] and row["text_seconds"] >= row["seconds"] > 0
        model = pool.of_weights(record.model, record.fingerprint)
        ids = solution.target_ids.tolist()
        again = score(model, solution.e, solution.m, ids, record.arrangement)
        assert again.accuracy == row["accuracy"] and again.exact == row["exact"]
    found = training_time.summary(run)
    assert found["exact"].max() == 1.0
    assert no_gaps(run)


@pytest.mark.parametrize("name", ["throughput", "training-time"])
def test_a_run_says_how_it_was_measured(name: str, small: "MakeSettings") -> None:
    asked = experiment(name)
    rows = (
        timings(2, [1.0] * 3, [2.0] * 3) if name == "throughput" else trained(2, 0, 1.0, (True, 1))
    )
    run = hand_made(small, name, rows)
    assert "arrangement A4" in asked.sentence(run) and "N = " in asked.sentence(run)
    for table in asked.tables(run).values():
        assert table.empty or not table.isna().to_numpy().any()
