"""Training time drawn: seconds and steps until a text is exact, and which texts became exact."""

import pandas as pd
import plotly.graph_objects as go

from explorer.base.language import later, tr
from explorer.experiments import training_time
from explorer.experiments.runs import Run
from explorer.figures.chart import Chart, layout, log_axis
from explorer.figures.palette import RESTARTS, STRAIGHT

TICKS = [digit * 10.0**power for power in range(-1, 6) for digit in (1, 1.5, 2, 3, 4, 6, 8)]
"""Seconds and steps that the axis names: enough for a chart of less than a decade."""


def charts(run: Run) -> list[Chart]:
    """Return the charts of a run, the main one first; times only where a text is exact."""
    found = training_time.summary(run)
    timed = training_time.first_exact(run).dropna()
    grown = training_time.growth(run)
    drawn = [
        _over_length(found[found["exact"] > 0], timed, name, unit, grown)
        for name, unit in (
            (later("seconds"), tr("seconds until exact")),
            (later("steps"), tr("steps until exact")),
        )
        if len(timed)
    ]
    return [*drawn, _exact(found)]


def _over_length(
    medians: pd.DataFrame, timed: pd.DataFrame, name: str, unit: str, grown: str
) -> Chart:
    figure = go.Figure()
    figure.add_scatter(
        x=timed["n"],
        y=timed[name],
        name=tr("one text"),
        mode="markers",
        marker={"color": STRAIGHT, "symbol": "circle-open", "size": 8},
        hovertemplate="N = %{x}: %{y:.3g}<extra>" + tr("one text") + "</extra>",
    )
    figure.add_scatter(
        x=medians["n"],
        y=medians[name],
        name=tr("median of the exact texts"),
        mode="lines+markers",
        line={"color": RESTARTS[0]},
        marker={"size": 9},
        hovertemplate="N = %{x}: %{y:.3g}<extra>" + tr("median") + "</extra>",
    )
    last = medians.iloc[-1]
    title = tr(
        "At N = {n}, a text takes {value} {unit}",
        n=int(last["n"]),
        value=f"{last[name]:.3g}",
        unit=tr(name),
    )
    layout(figure, title, tr("N, target tokens"), unit, height=420)
    figure.update_xaxes(log_axis(medians["n"]))
    figure.update_yaxes(log_axis(TICKS))
    each = "; ".join(f"N = {int(row['n'])}: {row[name]:.3g}" for row in medians.to_dict("records"))
    alt = tr("Median of {what}: {each}", what=unit, each=each)
    table = medians[["n", "texts", "not_exact", name]].reset_index(drop=True)
    return Chart(f"training-time-{name}", figure, f"{alt}. {grown}", table)


def _exact(found: pd.DataFrame) -> Chart:
    figure = go.Figure()
    figure.add_bar(
        x=[str(n) for n in found["n"]],
        y=found["exact"],
        marker={"color": RESTARTS[0]},
        hovertemplate=tr("N = %{x}: %{y:.0%} of texts") + "<extra></extra>",
    )
    title = tr(
        "Never exact, and so without a time: {missed} of {count} trainings",
        missed=int(found["not_exact"].sum()),
        count=int(found["texts"].sum()),
    )
    layout(
        figure, title, tr("N, target tokens"), tr("share of texts that became exact"), height=300
    )
    figure.update_xaxes(type="category")
    figure.update_yaxes(range=[0, 1.05], tickformat=".0%")
    each = "; ".join(f"N = {int(row['n'])}: {row['exact']:.0%}" for row in found.to_dict("records"))
    alt = tr("Share of texts that became exact: {each}", each=each)
    return Chart("training-time-exact", figure, alt, found[["n", "texts", "exact", "not_exact"]])
