import json
import re

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from explorer.figures import Chart
from explorer.figures.chart import ONES_AND_THREES, layout, log_axis

HOSTILE = "</script><script>alert(1)</script>"


@pytest.fixture
def chart() -> Chart:
    figure = layout(go.Figure(go.Scatter(x=[1, 2], y=[3.5, 4])), "What to see", "steps", "nats")
    figure.data[0].name = HOSTILE
    return Chart("key", figure, "Two points.", pd.DataFrame({"x": [1, 2], "y": [3.5, 4]}))


def test_a_page_stands_alone(chart: Chart) -> None:
    page = chart.html()
    assert page.lstrip().startswith(("<html", "<!DOCTYPE", "<!doctype"))
    assert "plotly.js v" in page and "Plotly.newPlot" in page and len(page) > 1_000_000
    assert not re.search(r"<script[^>]*\bsrc\s*=", page)
    assert not re.search(r"<link[^>]*\bhref\s*=", page)
    assert "What to see" in page and "nats" in page


def test_text_cannot_leave_its_data(chart: Chart) -> None:
    page = chart.html()
    assert HOSTILE not in page and "<script>alert" not in page
    assert page.count(r"\u003cscript\u003ealert(1)") == 1
    written = re.search(r'Plotly\.newPlot\(\s*"[^"]*",\s*(\[.*?\}\])', page, re.DOTALL)
    assert written is not None and json.loads(written[1])[0]["name"] == HOSTILE


def test_the_page_is_white_and_the_figure_stays_transparent(chart: Chart) -> None:
    page = chart.html()
    assert '"paper_bgcolor":"white"' in page
    assert chart.figure.layout.paper_bgcolor == "rgba(0,0,0,0)"
    assert chart.figure.layout.plot_bgcolor == "rgba(0,0,0,0)"


def test_a_figure_has_a_title_named_axes_and_keeps_its_view(chart: Chart) -> None:
    look = chart.figure.layout
    assert look.title.text == "What to see"
    assert (look.xaxis.title.text, look.yaxis.title.text) == ("steps", "nats")
    assert look.uirevision and look.height > 0
    np.testing.assert_array_equal(chart.figure.data[0].x, chart.table["x"])


@pytest.mark.parametrize("named", [[8, 16, 1024], [0.05, 1.5, 3], ONES_AND_THREES])
def test_a_logarithmic_axis_writes_whole_numbers(named: list[float]) -> None:
    figure = go.Figure(go.Scatter(x=[1, 2], y=[0.3, 4]))
    figure.update_yaxes(log_axis(named))
    axis = figure.layout.yaxis
    assert axis.type == "log" and list(axis.tickvals) == list(named)
    assert [float(said.replace(",", "")) for said in axis.ticktext] == pytest.approx(list(named))
