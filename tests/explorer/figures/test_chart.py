import json
import re

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from explorer import __version__
from explorer.figures import Chart
from explorer.figures.chart import ACROSS, UPWARDS, broken, layout, log_axis, ticks_for

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
    head = page.partition("</head>")[0]
    assert f'<meta name="generator" content="Proto-Token Explorer {__version__}">' in head


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


LONG = "length of the noise, as a share of the norm of what it is added to"


def test_nothing_of_a_figure_is_wider_than_a_phone(chart: Chart) -> None:
    """The title is the page's, names of axes break, and the legend reserves room at the bottom."""
    figure = layout(go.Figure(chart.figure), f"{LONG} &lt;e&gt;", LONG, LONG)
    for axis, most in ((figure.layout.xaxis, ACROSS), (figure.layout.yaxis, UPWARDS)):
        lines = axis.title.text.split("<br>")
        assert len(lines) > 1 and max(map(len, lines)) <= most
        assert max(map(len, lines)) - min(map(len, lines)) < most / 2  # none is a leftover
    legend = figure.layout.legend
    place = (legend.orientation, legend.yref, legend.y, legend.yanchor)
    assert place == ("h", "container", 0, "bottom")
    assert figure.layout.modebar.bgcolor == "rgba(0,0,0,0)"  # no band across the figure
    drawn = Chart("key", figure, "", pd.DataFrame())
    assert drawn.title == f"{LONG} <e>"
    assert drawn.words[1:3] == [LONG, LONG]  # for the glossary, lines are one sentence


@pytest.mark.parametrize("words", ["", "t", "p(target)", "x" * 42])
def test_what_fits_stays_on_one_line(words: str) -> None:
    assert broken(words, ACROSS) == words


@pytest.mark.parametrize("named", [[8, 16, 1024], [0.05, 1.5, 3], ticks_for([1e-4, 9])])
def test_a_logarithmic_axis_writes_whole_numbers(named: list[float]) -> None:
    figure = go.Figure(go.Scatter(x=[1, 2], y=[0.3, 4]))
    figure.update_yaxes(log_axis(named))
    axis = figure.layout.yaxis
    assert axis.type == "log" and list(axis.tickvals) == list(named)
    assert [float(said.replace(",", "")) for said in axis.ticktext] == pytest.approx(list(named))


@pytest.mark.parametrize(
    ("low", "high", "named"),
    [
        (0.004, 9, [0.01, 0.03, 0.1, 0.3, 1, 3]),
        (4, 9, [4, 5, 6, 7, 8, 9]),
        (30, 700, [30, 100, 300]),
        (1.8, 11, [2, 5, 10]),
        (4.05, 4.38, [4.1, 4.2, 4.3]),
    ],
)
def test_a_logarithmic_axis_names_few_values_but_three_that_are_seen(
    low: float, high: float, named: list[float]
) -> None:
    ticks = ticks_for([low, np.nan, 0.0, high])
    assert [tick for tick in ticks if low <= tick <= high] == named
    assert ticks[0] < low and ticks[-1] > high  # the axis goes a little beyond what is drawn


@pytest.mark.parametrize("values", [[], [np.nan, 0.0, -1.0], [2.0]])
def test_a_logarithmic_axis_of_nothing_yet_has_ticks(values: list[float]) -> None:
    ticks = ticks_for(values)
    assert len(ticks) > 3 and min(ticks) > 0


@pytest.mark.parametrize("value", [0.042, 1.0, 9.7])
def test_a_single_value_has_a_few_ticks_around_it(value: float) -> None:
    """The axis shows a power of ten on each side: all tenths of these were named, overlapping."""
    near = [tick for tick in ticks_for([value, np.nan, value]) if value / 10 <= tick <= value * 10]
    assert 3 <= len(near) <= 6 and min(near) < value < max(near)
