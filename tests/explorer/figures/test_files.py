"""Charts as files: names, formats, what is asked for, and what needs a browser."""

import io
import zipfile

import plotly.graph_objects as go
import pytest

from explorer.base.errors import BadInputError, MissingAssetError
from explorer.figures import Chart, files, run
from explorer.solutions.recording import Recording

BEGINS = {"svg": b"<svg", "pdf": b"%PDF", "png": b"\x89PNG", "html": b"<!doctype html>"}


def test_formats_are_read_in_one_order_and_others_refused() -> None:
    assert files.require_formats(["html", "svg"]) == ["svg", "html"]
    for names in ([], [""], ["svg", "gif"]):
        with pytest.raises(BadInputError, match="svg, pdf, png, html"):
            files.require_formats(names)


def test_html_needs_no_browser_and_names_keep_the_order(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "has_browser", lambda: False)
    charts = [run.loss_curves(recording), run.accuracy_curves(recording)]
    made = zipfile.ZipFile(io.BytesIO(files.archive(charts, ["html"])))
    assert made.namelist() == ["01-loss.html", "02-accuracy.html"]
    assert b"Plotly.newPlot" in made.read("01-loss.html")
    with pytest.raises(MissingAssetError, match="Chrome or Chromium"):
        files.archive(charts, ["html", "svg"])


def test_what_is_printed_stands_on_white(recording: Recording) -> None:
    chart = run.loss_curves(recording)
    assert chart.on_white().layout.paper_bgcolor == "white"
    assert chart.figure.layout.paper_bgcolor == "rgba(0,0,0,0)"  # as it was


@pytest.mark.browser
def test_every_format_is_what_it_is_called(recording: Recording) -> None:
    if not files.has_browser():
        pytest.skip(files.NO_BROWSER)
    chart = run.loss_curves(recording)
    found = dict(files.files([chart], files.FORMATS))
    assert {name.partition(".")[2] for name in found} == set(files.FORMATS)
    for name, content in found.items():
        assert content.lstrip().startswith(BEGINS[name.partition(".")[2]]), name
    assert chart.figure.layout.title.text.encode() in found["01-loss.svg"]


@pytest.mark.browser
def test_a_browser_that_does_not_start_is_a_sentence(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROWSER_PATH", "/bin/false")
    with pytest.raises(MissingAssetError, match="could not be used"):
        files.archive([Chart("x", go.Figure(), "", run.curve_table(recording))], ["svg"])
