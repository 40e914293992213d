"""Throughput drawn: tokens a second both ways over N, and how many times faster one pass is."""

import pandas as pd
import plotly.graph_objects as go

from explorer.base.formatting import speed
from explorer.experiments import throughput
from explorer.experiments.runs import Run
from explorer.figures.chart import Chart, layout, log_axis, ticks_for
from explorer.figures.palette import DASHES, RESTARTS, STRAIGHT

SIDES = (("one_forward", "one forward pass"), ("autoregressive", "token by token"))


def charts(run: Run) -> list[Chart]:
    """Return the charts of a run, the main one first."""
    found = throughput.summary(run)
    return [_speed(found), _ratio(run, found)]


def _speed(found: pd.DataFrame) -> Chart:
    figure = go.Figure()
    for k, (side, name) in enumerate(SIDES):
        figure.add_scatter(
            x=found["n"],
            y=found[f"{side}_tokens_per_second"],
            name=name,
            mode="lines+markers",
            line={"color": RESTARTS[k], "dash": DASHES[k]},
            marker={"symbol": ("circle", "square")[k], "size": 9},
            hovertemplate="N = %{x}: %{y:,.0f} tokens/s<extra>" + name + "</extra>",
        )
    last = found.iloc[-1]
    title = f"At N = {int(last['n'])} one forward pass is {speed(last['ratio'])}"
    layout(figure, title, "N, target tokens", "tokens a second", height=420)
    figure.update_xaxes(log_axis(found["n"]))
    speeds = found[[f"{side}_tokens_per_second" for side, _ in SIDES]]
    figure.update_yaxes(log_axis(ticks_for(speeds)))
    alt = "Tokens a second: " + "; ".join(
        f"N = {int(row['n'])}: {row['one_forward_tokens_per_second']:,.0f} in one pass, "
        f"{row['autoregressive_tokens_per_second']:,.0f} token by token"
        for row in found.to_dict("records")
    )
    return Chart("throughput", figure, alt, found)


def _ratio(run: Run, found: pd.DataFrame) -> Chart:
    mean, top = throughput.ratios(run)["ratio"]
    figure = go.Figure()
    figure.add_scatter(
        x=found["n"],
        y=found["ratio"],
        name="times as fast",
        mode="lines+markers",
        line={"color": RESTARTS[0]},
        hovertemplate="N = %{x}: %{y:.1f} times<extra></extra>",
    )
    figure.add_scatter(
        x=found["n"],
        y=[mean] * len(found),
        name="mean over N",
        mode="lines",
        line={"color": STRAIGHT, "dash": "dash"},
        hovertemplate="mean over N: %{y:.1f}<extra></extra>",
    )
    title = f"One pass is {speed(mean)} on average, {speed(top)} at best: two readings (I1)"
    layout(figure, title, "N, target tokens", "times as fast", height=340)
    figure.update_xaxes(log_axis(found["n"]))
    alt = f"Speed of one pass against token by token: mean over N {mean:.1f}, largest {top:.1f}"
    return Chart("throughput-ratio", figure, alt, found[["n", "ratio"]])
