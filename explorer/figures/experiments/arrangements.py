"""Arrangements drawn: accuracy over N, where each fails, and why A1 must."""

import pandas as pd
import plotly.graph_objects as go

from explorer.base.language import tr
from explorer.experiments import arrangements
from explorer.experiments.runs import Run
from explorer.figures.chart import Chart, layout, log_axis, spread
from explorer.figures.palette import DASHES, RESTARTS, SYMBOLS, WRONG_TO_RIGHT
from explorer.specs.arrangements import ARRANGEMENTS, KEYS


def charts(run: Run) -> list[Chart]:
    """Return the charts of a run, the main one first."""
    found = arrangements.summary(run)
    bound = run.header.rotary  # else A1 may say more than its most frequent token
    return [_over_length(found, bound=bound), *_where(arrangements.by_position(run))]


def _compared(found: pd.DataFrame) -> int:
    """Return the longest N at which every arrangement is measured that is measured at any."""
    measured = found.groupby("n")["id"].nunique()
    return int(measured[measured == measured.max()].index.max())


def _over_length(found: pd.DataFrame, *, bound: bool) -> Chart:
    figure = go.Figure()
    for k, key in enumerate(KEYS):
        part = found[found["arrangement"] == key]
        if part.empty:
            continue
        known = ARRANGEMENTS[key]
        figure.add_scatter(
            x=part["n"],
            y=part["mean"],
            name=f"{known.checklist_id} {known.formula}",
            mode="lines+markers",
            line={"color": RESTARTS[k], "dash": DASHES[k]},
            marker={"symbol": SYMBOLS[k], "size": 9},
            error_y=spread(part["sd"]),
            hovertemplate="N = %{x}: %{y:.3f}<extra>" + known.checklist_id + "</extra>",
        )
    alone = found[found["id"] == "A1"]
    if bound and len(alone):
        figure.add_scatter(
            x=alone["n"],
            y=alone["bound"],
            name=tr("share of the most frequent token: A1 cannot exceed it"),
            mode="lines",
            line={"color": RESTARTS[0], "dash": "dot", "width": 1},
        )
    longest = _compared(found)
    at = found[found["n"] == longest]
    top = at["mean"].max()
    *others, last = at.loc[at["mean"] == top, "id"]
    told = {"n": longest, "share": f"{top:.0%}", "last": last, "others": ", ".join(others)}
    layout(
        figure,
        tr("At N = {n}, {others} and {last} hold the most: {share} of the tokens", **told)
        if others
        else tr("At N = {n}, {last} holds the most: {share} of the tokens", **told),
        tr("N, target tokens"),
        tr("token accuracy"),
        height=440,
    )
    figure.update_xaxes(log_axis(sorted(set(found["n"]))))
    figure.update_yaxes(range=[-0.03, 1.08])
    ends = "; ".join(
        f"{name} {part['mean'].iloc[-1]:.2f} (N = {part['n'].iloc[-1]})"
        for name, part in found.groupby("id")
    )
    alt = tr("Accuracy over N: {ends}", ends=ends)
    return Chart("arrangements", figure, alt, found)


def _where(positions: pd.DataFrame) -> list[Chart]:
    """Return one heat map for the longest N: which positions are right in which arrangement."""
    longest = _compared(positions)
    at = positions[positions["n"] == longest]
    if longest < 2:
        return []
    grid = at.pivot_table(index="id", columns="i", values="right").sort_index(ascending=False)
    figure = go.Figure(
        go.Heatmap(
            z=grid.to_numpy(),
            x=grid.columns.tolist(),
            y=grid.index.tolist(),
            zmin=0,
            zmax=1,
            colorscale=WRONG_TO_RIGHT,
            xgap=1,
            ygap=3,
            colorbar={"title": tr("share of<br>texts correct")},
            hovertemplate=tr("%{y}, position %{x}: %{z:.0%}") + "<extra></extra>",
        )
    )
    title = tr("Where each arrangement fails at N = {n}", n=longest)
    layout(figure, title, tr("position"), "", height=330)
    ends = "; ".join(
        tr(
            "{arrangement} first {first}, last {last}",
            arrangement=name,
            first=f"{row.iloc[0]:.2f}",
            last=f"{row.iloc[-1]:.2f}",
        )
        for name, row in grid.iterrows()
    )
    alt = tr("Share of texts that are correct at each position: {ends}", ends=ends)
    return [Chart("arrangements-positions", figure, alt, at.reset_index(drop=True))]
