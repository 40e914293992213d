"""Published beside ours: both are drawn as they are, and what was never run is not."""

from typing import Any

import pandas as pd
import pytest

from explorer.experiments import paper
from explorer.figures import paper_table
from explorer.specs.arrangements import ARRANGEMENTS


def ours(**change: Any) -> pd.DataFrame:
    row = {"model": "<b>tiny", "source": "pg19", "m_shared": False, "c_tokens": 16,
           "h_lm": 50.0, "h_lm_sd": 4.0, "at_least": False}  # fmt: skip
    return pd.DataFrame([row | change])


@pytest.mark.parametrize("value", ["c_tokens", "h_lm"])
@pytest.mark.parametrize("shared", [False, True])
def test_table_3_alone_is_the_published_cells(value: Any, shared: bool) -> None:
    chart = paper_table.capacity_comparison(value, m_shared=shared)
    table = paper.table3()
    cells = table[(table["value"] == value) & (table["m_shared"] == shared)]
    assert sorted(y for trace in chart.figure.data for y in trace.y) == sorted(cells["mean"])
    assert len(chart.table) == 24 and "24 published and 0 of ours" in chart.alt
    bars = [trace.error_y.array is not None for trace in chart.figure.data]
    assert all(bars) if value == "h_lm" else not any(bars)


def test_titles_tell_the_two_values_apart() -> None:
    titles = [
        paper_table.capacity_comparison(value, m_shared=True).figure.layout.title.text
        for value in ("c_tokens", "h_lm")
    ]
    assert "C_tokens" in titles[0] and "H_LM" in titles[1]


def test_ours_is_filled_and_beside_and_escaped() -> None:
    chart = paper_table.capacity_comparison("h_lm", m_shared=False, ours=ours())
    (mine,) = [trace for trace in chart.figure.data if trace.name.endswith("here")]
    assert list(mine.y) == [50.0] and list(mine.error_y.array) == [4.0]
    assert round(mine.x[0]) == 6
    symbols = {t.marker.symbol for t in chart.figure.data if t.name.startswith("PG-19, ")}
    assert symbols == {"diamond", "diamond-open"}
    assert "<b>" not in chart.figure.to_json()


def test_a_lower_bound_is_marked_as_one() -> None:
    chart = paper_table.capacity_comparison("c_tokens", m_shared=False, ours=ours(at_least=True))
    marks = {t.name.rpartition(", ")[2]: list(t.text) for t in chart.figure.data}
    assert marks == {"published": [""] * 6, "here": ["≥"]}


@pytest.mark.parametrize("change", [{"m_shared": True}, {"h_lm": None}, {"h_lm": float("nan")}])
def test_what_was_not_run_is_not_drawn(change: dict[str, Any]) -> None:
    chart = paper_table.capacity_comparison("h_lm", m_shared=False, ours=ours(**change))
    assert "0 of ours" in chart.alt and "NaN" not in chart.figure.to_json()
    assert not [trace for trace in chart.figure.data if trace.name.endswith("here")]


def test_a_capacity_of_zero_that_was_measured_is_drawn() -> None:
    chart = paper_table.capacity_comparison("c_tokens", m_shared=False, ours=ours(c_tokens=0))
    assert "1 of ours" in chart.alt


def test_arrangements_are_dashed_as_published_and_solid_as_ours() -> None:
    mine = pd.DataFrame(
        [("e", 8, 0.2, 0.1), ("e", 2, 0.5, 0.0), ("halves", 2, None, None)],
        columns=["arrangement", "n", "mean", "sd"],
    )
    chart = paper_table.arrangement_comparison(mine)
    dashes = {trace.name.rsplit(", ")[-1]: trace.line.dash for trace in chart.figure.data}
    assert dashes == {"published": "dash", "here": "solid"}
    (here,) = [trace for trace in chart.figure.data if trace.name.endswith("here")]
    assert list(here.x) == [2, 8] and list(here.y) == [0.5, 0.2]
    assert len(chart.figure.data) == 6 and len(chart.table) == 22
    assert "20 values published" in chart.alt and "2 of ours" in chart.alt
    assert "NaN" not in chart.figure.to_json()


def test_every_arrangement_of_ours_has_a_look_of_its_own() -> None:
    mine = pd.DataFrame(
        [{"arrangement": key, "n": 4, "mean": 0.5, "sd": 0.1} for key in ARRANGEMENTS]
    )
    here = [
        trace
        for trace in paper_table.arrangement_comparison(mine).figure.data
        if trace.name.endswith("here")
    ]
    looks = {(trace.line.color, trace.marker.symbol) for trace in here}
    assert len(looks) == len(here) == len(ARRANGEMENTS)
