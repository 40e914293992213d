import html
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from explorer.figures import Chart
from explorer.figures import run as charts
from explorer.solutions.recording import PHASES, Recording, RecordingHeader

Make = Callable[..., Recording]
Numbers = Callable[[Any], list[np.ndarray]]


def _all(recording: Recording) -> list[Chart]:
    return [
        charts.accuracy_curves(recording),
        charts.loss_curves(recording),
        charts.position_heatmap(recording, 0),
        charts.position_accuracy(recording),
    ]


def _until_over(recording: Recording, restart: int) -> int:
    """Return how many frames a restart takes part in."""
    steps = recording.frames["steps"][:, restart].tolist()
    return steps.index(steps[-1]) + 1


@pytest.mark.parametrize("column", ["accuracy", "loss"])
def test_curves_draw_the_recordings_numbers(recording: Recording, column: str) -> None:
    draw = {"accuracy": charts.accuracy_curves, "loss": charts.loss_curves}[column]
    chart = draw(recording)
    assert chart.key == column and len(chart.figure.data) == 3
    for k, trace in enumerate(chart.figure.data):
        count = _until_over(recording, k)
        assert trace.name == f"seed {recording.header.seeds[k]}"
        assert trace.x.tolist() == recording.frames["steps"][:count, k].tolist()
        values = recording.frames[column][:count, k].tolist()
        values[-1] = float(recording.frames[column][-1, k])  # confirmed in float32 at the end
        assert trace.y.tolist() == values
    assert [_until_over(recording, k) for k in range(3)] == [3, 8, 4]
    assert {trace.line.dash for trace in chart.figure.data} == {"solid", "dash", "dot"}
    assert chart.figure.layout.title.text and chart.figure.layout.xaxis.title.text


def test_curves_say_where_they_are_for_those_who_cannot_see(recording: Recording) -> None:
    chart = charts.accuracy_curves(recording)
    last = recording.frames["accuracy"][-1]
    assert "3 restarts" in chart.alt
    assert all(f"{value:.2f}" in chart.alt for value in last)


def test_the_curves_table_holds_every_frame_of_every_restart(recording: Recording) -> None:
    table = charts.accuracy_curves(recording).table
    pd.testing.assert_frame_equal(table, charts.loss_curves(recording).table)
    assert list(table.columns) == ["seed", "step", "loss", "accuracy"]
    rows = [tuple(row) for row in table.itertuples(index=False)]
    frames = recording.frames
    assert rows == [
        (seed, frames["steps"][f, k], frames["loss"][f, k], frames["accuracy"][f, k])
        for f in range(8)
        for k, seed in enumerate([10, 11, 12])
    ]


@pytest.mark.parametrize("restart", [0, 1, 2])
def test_the_heat_map_draws_p_by_position_and_step(
    recording: Recording, labels: list[str], restart: int
) -> None:
    chart = charts.position_heatmap(recording, restart)
    (trace,) = chart.figure.data
    count = _until_over(recording, restart)
    assert trace.x.tolist() == recording.frames["steps"][:count, restart].tolist()
    assert trace.y.tolist() == [1, 2, 3, 4] and (trace.zmin, trace.zmax) == (0, 1)
    assert trace.z.shape == (4, count)
    before_last = recording.frames["p"][: count - 1, restart].astype(np.float32)
    np.testing.assert_array_equal(trace.z[:, :-1], before_last.T)
    assert trace.customdata[:, 0].tolist() == [html.escape(x, quote=False) for x in labels]
    assert chart.table["step"].tolist() == trace.x.tolist()
    np.testing.assert_array_equal(chart.table.to_numpy()[:, 1:], trace.z.T)
    assert f"seed {10 + restart}" in chart.alt and "4 positions" in chart.alt


def test_a_long_heat_map_is_thinned_and_keeps_its_ends(make: Make) -> None:
    recording = make(200)
    chart = charts.position_heatmap(recording, 1)
    (trace,) = chart.figure.data
    drawn = trace.x.tolist()
    assert _until_over(recording, 1) == 50 and drawn == list(range(1, 100, 2))
    endless = Recording(recording.header, recording.frames.copy())
    endless.frames["steps"][:, 1] = recording.frames["step"]
    (trace,) = charts.position_heatmap(endless, 1).figure.data
    assert len(trace.x) == trace.z.shape[1] == charts.MOST_STEPS_DRAWN
    assert (trace.x[0], trace.x[-1]) == (1, 399) and (np.diff(trace.x) > 0).all()
    for column, step in enumerate(trace.x.tolist()):
        wanted = endless.frames["p"][(step - 1) // 2, 1].astype(np.float32)
        np.testing.assert_array_equal(trace.z[:, column], wanted)


def test_positions_show_the_newest_frame_over_all_restarts(make: Make, labels: list[str]) -> None:
    recording = make(3)  # at the end 2, 3 and 4 of 4 tokens are right
    chart = charts.position_accuracy(recording)
    (trace,) = chart.figure.data
    assert trace.x.tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(trace.y, [1, 1, 2 / 3, 1 / 3])
    assert trace.customdata.tolist() == [html.escape(x, quote=False) for x in labels]
    assert chart.alt.endswith("2 of 4.")
    assert chart.table.columns.tolist() == [
        *("position", "token", "share correct", "seed 10", "seed 11", "seed 12")
    ]
    np.testing.assert_allclose(chart.table["share correct"], trace.y)
    assert chart.table["token"].tolist() == labels
    assert chart.table["seed 10"].tolist() == [True, True, False, False]
    assert chart.table["seed 12"].tolist() == [True] * 4


def test_nothing_that_is_not_a_number_reaches_a_figure(make: Make, figure_numbers: Numbers) -> None:
    """A restart diverged, one was never measured in detail, one had a gap."""
    recording = make(8)
    frames = recording.frames
    frames["loss"][3:, 0] = np.nan
    frames["loss"][:, 1] = np.inf
    frames["loss"][2, 2] = np.nan
    frames["p"][4:, 0] = np.nan
    frames["p"][0] = np.nan
    for restart in range(3):
        for chart in [
            *_all(recording),
            charts.position_heatmap(recording, restart),
        ]:
            numbers = figure_numbers(chart.figure)
            assert numbers and all(np.isfinite(array).all() for array in numbers)
    lengths = [len(trace.x) for trace in charts.loss_curves(recording).figure.data]
    assert lengths == [2, 0, 3]
    assert "NaN" not in charts.loss_curves(recording).figure.to_json()


def test_text_of_tokens_stays_text(recording: Recording) -> None:
    for chart in _all(recording):
        assert "<script>alert" not in chart.html()
    table = charts.position_accuracy(recording).table
    assert table["token"].tolist() == [" the", "<script>alert(1)</script>", "\n", "日"]


def test_a_single_frame_can_be_drawn(make: Make) -> None:
    recording = make(1)
    accuracy, loss, heat, positions = _all(recording)
    assert [trace.mode for trace in accuracy.figure.data] == ["markers"] * 3
    assert [len(trace.y) for trace in loss.figure.data] == [1, 1, 1]
    assert heat.figure.data[0].z.shape == (4, 1) and len(heat.table) == 1
    assert positions.figure.data[0].y.tolist() == [0, 0, 0, 0]
    assert len(charts.full_table(recording)) == 12


def test_curves_and_tables_of_no_frame_are_empty(make: Make) -> None:
    recording = make(0)
    for chart in (charts.accuracy_curves(recording), charts.loss_curves(recording)):
        assert [len(trace.x) for trace in chart.figure.data] == [0, 0, 0]
        assert len(chart.table) == 0 and "Now" not in chart.alt
    table = charts.full_table(recording)
    assert len(table) == 0 and "p_target" in table.columns


COLUMNS = [
    "step", "seconds", "seed", "restart_step", "phase", "loss", "accuracy", "position",
    "target_id", "target", "predicted_id", "predicted", "correct", "p_target", "rank",
]  # fmt: skip


def test_the_full_table_holds_every_number(recording: Recording) -> None:
    table = charts.full_table(recording)
    assert list(table.columns) == COLUMNS
    header, frames, rows = recording.header, recording.frames, table.to_dict("records")
    assert len(rows) == 8 * 3 * 4
    at = iter(rows)
    for f in range(8):
        for k, seed in enumerate(header.seeds):
            for i, target in enumerate(header.target_ids):
                predicted = int(frames["predicted"][f, k, i])
                assert next(at) == {
                    "step": frames["step"][f],
                    "seconds": frames["seconds"][f],
                    "seed": seed,
                    "restart_step": frames["steps"][f, k],
                    "phase": PHASES[frames["phase"][f, k]],
                    "loss": frames["loss"][f, k],
                    "accuracy": frames["accuracy"][f, k],
                    "position": i + 1,
                    "target_id": target,
                    "target": header.pieces[target],
                    "predicted_id": predicted,
                    "predicted": header.pieces[predicted],
                    "correct": predicted == target,
                    "p_target": np.float32(frames["p"][f, k, i]),
                    "rank": frames["rank"][f, k, i],
                }


def test_the_full_table_survives_csv_and_parquet(recording: Recording) -> None:
    table = charts.full_table(recording)
    parquet = pd.read_parquet(io.BytesIO(table.to_parquet(index=False)))
    assert parquet["target"].tolist() == table["target"].tolist()
    csv = pd.read_csv(io.BytesIO(table.to_csv(index=False).encode()), keep_default_na=False)
    for column in COLUMNS:
        assert parquet[column].tolist() == table[column].tolist()
        if table[column].dtype.kind == "f":
            np.testing.assert_allclose(csv[column], table[column], rtol=1e-6)
        else:
            assert csv[column].tolist() == table[column].tolist()


def test_one_token_and_one_restart_are_enough(make: Make) -> None:
    header = RecordingHeader(
        model="tiny", target_ids=[5], seeds=[3], d_model=2, arrangement="e", pieces={5: "a", 9: "b"}
    )
    recording = make(5, header)
    for chart in _all(recording):
        assert len(chart.table) > 0
    assert charts.full_table(recording)["predicted"].tolist() == ["b", "a", "a", "a", "a"]


def test_a_run_without_any_number_yet_is_drawn_empty(make: Make) -> None:
    nothing = make(3)
    nothing.frames["p"][:] = np.nan
    nothing.frames["loss"][:] = np.nan
    empty = Recording(nothing.header, nothing.frames[:0])
    for recording, count in ((nothing, 3), (empty, 0)):
        chart = charts.position_heatmap(recording, 1)
        (trace,) = chart.figure.data
        assert trace.z.shape == (4, count) and not trace.z.any()
        assert len(chart.table) == count and f"{count} frames" in chart.alt
        assert io.StringIO(chart.html()).read()
