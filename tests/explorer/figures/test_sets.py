"""Charts of sets: what is drawn equals what is known, and nothing undefined is drawn."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from explorer.figures import distances as charts
from explorer.figures import maps as map_charts
from explorer.figures.words import for_hover, shortened
from explorer.geometry import histograms, maps, measure_distances
from explorer.geometry.distance_report import DistanceReport
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
    smooth = histograms.density(values, grid)
    assert np.trapezoid(smooth, grid) == pytest.approx(1, abs=1e-6)
    width = values.std(ddof=1) * 50**-0.2  # Scott's
    each = np.exp(-(((grid[:, None] - values) / width) ** 2) / 2) / (width * np.sqrt(2 * np.pi))
    assert smooth == pytest.approx(each.mean(1), rel=1e-9, abs=1e-15)
    assert not histograms.density(np.ones(3), grid).any()
    assert not histograms.density(np.ones(1), grid).any()


def test_points_carry_the_numbers_of_their_texts(report: DistanceReport) -> None:
    assert report.summary.charts is not None
    points = report.summary.charts.points("semantic", "e")
    texts = [f"text {n} <b>" for n in range(16)]
    found = report.summary.against_texts("e", "semantic")
    chart = charts.against_texts(points, found, "Semantic distance", texts)
    drawn = [trace for trace in chart.figure.data if trace.customdata is not None]
    assert sum(len(trace.x) for trace in drawn) == len(points)
    a, b = drawn[0].customdata[0]
    row = points[(points["text_a"] == a) & (points["text_b"] == b)].iloc[0]
    assert (drawn[0].x[0], drawn[0].y[0]) == (row["x"], row["y"])
    assert "<b>" not in drawn[0].text[0].replace("&lt;b&gt;", "")
    assert "same context (24 text pairs)" in {trace.name for trace in chart.figure.data}
    bars = [trace.error_y for trace in chart.figure.data if "binned mean" in trace.name]
    assert len(bars) == 2 and all(bar.array is None for bar in bars)  # four contexts
    some = charts.against_texts(points.head(30), found, "Semantic distance", texts)
    assert "24 of 24" not in some.alt and "Scatter of 30 of 120 text pairs" in some.alt


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("colour", map_charts.COLOUR_BY)
def test_every_solution_is_one_point(dimensions: Any, colour: str, make_set: MakeSet) -> None:
    made = maps.make(MapSpec(sets=(make_set(),), dimensions=dimensions))
    way = made.points[["x", "y"] + ["z"] * (dimensions == 3)].head(3).assign(step=1, accuracy=0.5)
    chart = map_charts.scatter(made, colour, way)
    named = [t for t in chart.figure.data if t.customdata is not None]
    at = {i: (x, y) for t in named for i, x, y in zip(t.customdata, t.x, t.y, strict=True)}
    assert at == {row["id"]: (row["x"], row["y"]) for row in made.points.to_dict(orient="records")}
    assert len(chart.figure.data) == len(named) + 1
    assert json.loads(chart.figure.to_json())  # no NaN, which JSON has not
    assert len(chart.table) == len(made.points)


def test_texts_are_escaped_cut_and_on_one_line() -> None:
    assert for_hover("<b>a\n b</b>") == "&lt;b&gt;a b&lt;/b&gt;"
    assert shortened("<b>a\n b</b>", 5) == "<b>a…"
    assert len(for_hover("x" * 500)) == 90
