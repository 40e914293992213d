"""Charts of what e and m carry: the numbers of the report, told apart without colours."""

import numpy as np
import pytest

from explorer.figures import roles as charts
from explorer.geometry.roles import ROLES, Noise, Probe, Radius, RolesReport


@pytest.fixture
def made() -> RolesReport:
    draw = np.random.default_rng(0)
    return RolesReport(
        set="a", model="tiny", length=3, arrangement="e+mN", regime="free", layers=2, texts=18,
        contexts=list("abcdef"), solutions=30, notes=[], swaps=[],
        probes=[Probe.of(draw.uniform(size=6), p=0.1, vector=v, layer=layer, target=target)
                for v in ROLES for layer in (0, 1, 2) for target in ("meaning", "length")],
        noise=[Noise.of(draw.uniform(size=6), vector=v, length=length)
               for v in ROLES for length in (0.25, 0.5)],
        radii=[Radius.of([-2.0] * 6, vector=v) for v in ROLES],
    )  # fmt: skip


def test_marks_lie_where_the_report_says(made: RolesReport) -> None:
    for trace in charts.probes(made).figure.data:
        for x, (target, _), end in zip(trace.x, trace.customdata, trace.error_x.array, strict=True):
            probe = made.probe(trace.name, target)
            assert probe is not None and (x, x + end) == pytest.approx((probe.value, probe.high))
    for vector, trace in zip(ROLES, charts.by_layer(made, "length").figure.data, strict=True):
        probes = [made.probe(vector, "length", int(layer)) for layer in trace.x]
        assert list(trace.y) == [p.value for p in probes if p]
    noise = charts.noise(made)
    drawn = [y for trace in noise.figure.data for y in trace.y]
    assert drawn == [each.value for each in made.noise] == noise.table["value"].tolist()
    assert "e withstands noise of 25.0% of its norm" in noise.alt


def test_vectors_are_told_apart_without_colours(made: RolesReport) -> None:
    for chart in (charts.probes(made), charts.by_layer(made, "meaning"), charts.noise(made)):
        looks = [(trace.line.dash, trace.marker.symbol) for trace in chart.figure.data]
        assert len(set(looks)) == len(looks) == 2


def test_without_a_second_vector_one_is_drawn(made: RolesReport) -> None:
    alone = made.model_copy(update={"probes": [p for p in made.probes if p.vector == "e"]})
    assert [trace.name for trace in charts.probes(alone).figure.data] == ["e"]
