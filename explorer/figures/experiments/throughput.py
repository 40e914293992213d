"""Throughput drawn: tokens a second both ways over N, and how many times faster one pass is."""

import pandas as pd
import plotly.graph_objects as go

from explorer.base.formatting import speed
from explorer.base.language import later, tr
from explorer.experiments import throughput
from explorer.experiments.runs import Run
from explorer.figures.chart import Chart, layout, log_axis, ticks_for
from explorer.figures.palette import DASHES, RESTARTS, STRAIGHT

SIDES = (
    ("one_forward", later("one forward pass")),
    ("autoregressive", later("token by token")),
)


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
            name=tr(name),
            mode="lines+markers",
            line={"color": RESTARTS[k], "dash": DASHES[k]},
            marker={"symbol": ("circle", "square")[k], "size": 9},
            hovertemplate=f"N = %{{x}}: %{{y:,.0f}} tokens/s<extra>{tr(name)}</extra>",
        )
    last = found.iloc[-1]
    n, ratio = int(last["n"]), speed(last["ratio"])
    title = tr("At N = {n}, one forward pass is {speed}", n=n, speed=ratio)
    layout(figure, title, tr("N, target tokens"), tr("tokens per second"), height=420)
    figure.update_xaxes(log_axis(found["n"]))
    speeds = found[[f"{side}_tokens_per_second" for side, _ in SIDES]]
    figure.update_yaxes(log_axis(ticks_for(speeds)))
    each = "; ".join(
        tr(
            "N = {n}: {one} in one pass, {many} token by token",
            n=int(row["n"]),
            one=f"{row['one_forward_tokens_per_second']:,.0f}",
            many=f"{row['autoregressive_tokens_per_second']:,.0f}",
        )
        for row in found.to_dict("records")
    )
    alt = tr("Tokens per second: {each}", each=each)
    return Chart("throughput", figure, alt, found)


def _ratio(run: Run, found: pd.DataFrame) -> Chart:
    mean, top = throughput.ratios(run)["ratio"]
    figure = go.Figure()
    figure.add_scatter(
        x=found["n"],
        y=found["ratio"],
        name=tr("times as fast"),
        mode="lines+markers",
        line={"color": RESTARTS[0]},
        hovertemplate=tr("N = %{x}: %{y:.1f} times as fast") + "<extra></extra>",
    )
    figure.add_scatter(
        x=found["n"],
        y=[mean] * len(found),
        name=tr("mean over N"),
        mode="lines",
        line={"color": STRAIGHT, "dash": "dash"},
        hovertemplate=tr("mean over N: %{y:.1f}") + "<extra></extra>",
    )
    title = tr(
        "One pass is {mean} on average, {most} at best: the two readings of the paper (I1)",
        mean=speed(mean),
        most=speed(top),
    )
    layout(figure, title, tr("N, target tokens"), tr("times as fast"), height=340)
    figure.update_xaxes(log_axis(found["n"]))
    alt = tr(
        "Speed of one pass compared with token by token: mean over N {mean}, largest {most}",
        mean=f"{mean:.1f}",
        most=f"{top:.1f}",
    )
    return Chart("throughput-ratio", figure, alt, found[["n", "ratio"]])
