"""Charts of sets: what is drawn equals what is known, and nothing undefined is drawn."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from explorer.base.formatting import shortened
from explorer.figures import distances as charts
from explorer.figures import maps as map_charts
from explorer.figures.words import for_hover
from explorer.geometry import distance_charts, maps, measure_distances
from explorer.geometry.distance_report import DistanceReport
from explorer.geometry.states import States
from explorer.specs.jobs import MapSpec

MakeSet = Callable[..., str]


@pytest.fixture
def report(letters: None, read_set: Callable[..., Any]) -> DistanceReport:
    return measure_distances.make(read_set(contexts=4, texts=4))


def test_histograms_hold_every_pair_and_have_area_one(report: DistanceReport) -> None:
    for measured in report.summary.measured:
        chart = charts.histogram(report.summary.histogram(measured), measured)
        table = chart.table
        for kind, count in report.summary.counts.items():
            rows = table[table["kind"] == kind]
            assert rows["pairs"].sum() == count
            area = (rows["density"] * (rows["to"] - rows["from"])).sum()
            assert area == pytest.approx(1)
        assert ("random vectors" in chart.figure.to_json()) is (measured.metric == "cosine")
        assert "NaN" not in chart.figure.to_json()


def test_a_density_has_area_one_and_none_where_it_is_undefined() -> None:
    grid = np.linspace(-10, 10, 2001)
    values = np.random.default_rng(0).normal(size=50)
    smooth = distance_charts.density(values, grid)
    assert np.trapezoid(smooth, grid) == pytest.approx(1, abs=1e-6)
    width = values.std(ddof=1) * 50**-0.2  # Scott's
    each = np.exp(-(((grid[:, None] - values) / width) ** 2) / 2) / (width * np.sqrt(2 * np.pi))
    assert smooth == pytest.approx(each.mean(1), rel=1e-9, abs=1e-15)
    assert not distance_charts.density(np.ones(3), grid).any()
    assert not distance_charts.density(np.ones(1), grid).any()


def test_points_carry_the_numbers_of_their_texts(report: DistanceReport) -> None:
    assert report.summary.charts is not None
    points = report.summary.charts.points("semantic", "e")
    texts = [f"text {n} <b>" for n in range(16)]
    found = report.summary.against_texts("e", "semantic")
    chart = charts.against_texts(points, found, texts)
    drawn = [trace for trace in chart.figure.data if trace.customdata is not None]
    assert sum(len(trace.x) for trace in drawn) == len(points)
    a, b = drawn[0].customdata[0]
    row = points[(points["text_a"] == a) & (points["text_b"] == b)].iloc[0]
    assert (drawn[0].x[0], drawn[0].y[0]) == (row["x"], row["y"])
    assert "<b>" not in drawn[0].text[0].replace("&lt;b&gt;", "")
    assert "same context (24 text pairs)" in {trace.name for trace in chart.figure.data}
    bars = [trace.error_y for trace in chart.figure.data if "binned mean" in trace.name]
    assert len(bars) == 2 and all(bar.array is None for bar in bars)  # four contexts
    some = charts.against_texts(points.head(30), found, texts)
    assert "24 of 24" not in some.alt and "Scatter of 30 of 120 text pairs" in some.alt


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("colour", map_charts.COLOUR_BY)
def test_every_solution_is_one_point(dimensions: Any, colour: str, make_set: MakeSet) -> None:
    made = maps.make(MapSpec(sets=(make_set(),), dimensions=dimensions))
    way = made.points[["x", "y"] + ["z"] * (dimensions == 3)].head(3).assign(step=1, accuracy=0.5)
    chart = map_charts.scatter(made, colour, way.assign(seed=[0, 0, 1]))
    named = [t for t in chart.figure.data if t.customdata is not None]
    at = {i: (x, y) for t in named for i, x, y in zip(t.customdata, t.x, t.y, strict=True)}
    assert at == {row["id"]: (row["x"], row["y"]) for row in made.points.to_dict(orient="records")}
    (drawn,) = (t for t in chart.figure.data if t.customdata is None)
    assert np.isnan(np.array(drawn.x, dtype=float)).tolist() == [False, False, True, False]
    assert list(drawn.marker.size) == [9, 3, 0, 11] and "seed 1" in drawn.text[3]
    assert json.loads(chart.figure.to_json())  # no NaN, which JSON has not
    assert len(chart.table) == len(made.points)


def test_texts_are_escaped_cut_and_on_one_line() -> None:
    assert for_hover("<b>a\n b</b>") == "&lt;b&gt;a b&lt;/b&gt;"
    assert shortened("<b>a\n b</b>", 5) == "<b>a…"
    assert len(for_hover("x" * 500)) == 90


def _through(make_set: MakeSet, dimensions: int = 2) -> maps.SolutionMap:
    states = np.random.default_rng(0).normal(size=(3, 15, 8)).astype(np.float32)
    spec = MapSpec(sets=(make_set(),), dimensions=dimensions, place="m")
    ids = [s.record.id for found in maps.gather(spec) for s in found.solutions]
    return maps.make(spec, States(states, ids))


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_slider_moves_every_point_to_its_place_after_each_layer(
    dimensions: int, make_set: MakeSet
) -> None:
    made = _through(make_set, dimensions)
    chart = map_charts.scatter(made, "context", joined="by lines")
    figure = chart.figure
    assert [f.name for f in figure.frames] == ["0", "1", "2"]
    assert [s.args[0][0] for s in figure.layout.sliders[0].steps] == ["0", "1", "2"]
    ids = made.points["id"].tolist()
    for layer, frame in enumerate(figure.frames):
        at = {}
        for shown, moved in zip(figure.data, frame.data, strict=True):
            if shown.customdata is not None:
                ends = zip(shown.customdata, moved.x, moved.y, strict=True)
                at |= {i: [x, y] for i, x, y in ends}
        assert [at[i] for i in ids] == [p[:2] for p in made.record.layers[layer]]
    assert len(chart.table) == 3 * len(ids) and set(chart.table["layer"]) == {0, 1, 2}
    low, high = figure.layout.xaxis.range or figure.layout.scene.xaxis.range
    every = np.array(made.record.layers)[..., 0]
    assert low < every.min() and every.max() < high  # nothing leaves the picture on its way


def test_points_of_one_text_are_joined_by_lines_to_their_middle_or_by_a_hull(
    make_set: MakeSet,
) -> None:
    made = maps.make(MapSpec(sets=(make_set(restarts=5),)))
    groups = [g[["x", "y"]].to_numpy() for _, g in made.points.groupby("text", sort=False)]
    several = [g for g in groups if len(g) > 1]
    (lines,) = [
        t
        for t in map_charts.scatter(made, "text", joined="by lines").figure.data
        if t.mode == "lines"
    ]
    drawn = np.stack([lines.x, lines.y], 1)
    for group in several:
        for point in [*group, group.mean(0)]:
            assert np.isclose(drawn, point).all(1).any()
    (outline,) = [
        t
        for t in map_charts.scatter(made, "text", joined="by hulls").figure.data
        if t.fill == "toself"
    ]
    rows = np.stack([outline.x, outline.y], 1)
    around = np.split(rows, np.flatnonzero(np.isnan(rows[:, 0])) + 1)[: len(several)]
    for group, hull in zip(several, around, strict=True):
        edge = np.diff(hull[:-1], axis=0)  # all points lie on one side of every edge
        apart = group[:, None] - hull[:-2]
        side = edge[:, 0] * apart[..., 1] - edge[:, 1] * apart[..., 0]
        assert (side >= -1e-9).all() or (side <= 1e-9).all()
    assert not [t for t in map_charts.scatter(made, "text").figure.data if t.mode == "lines"]


def test_the_hull_of_points_on_a_line_is_the_line() -> None:
    line = np.array([[1.0, 1], [0, 0], [2, 2]])
    assert map_charts.hull(line).tolist() == [[0, 0], [1, 1], [2, 2], [0, 0]]
    assert len(map_charts.hull(line[:2])) == 3
