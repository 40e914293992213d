"""Capacity over training, drawn: what the checkpoints of one training run hold."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from explorer.base.language import tr
from explorer.experiments import over_training
from explorer.experiments.definition import in_words
from explorer.experiments.runs import Run
from explorer.figures.chart import Chart, layout
from explorer.figures.palette import DASHES, RESTARTS, SYMBOLS
from explorer.figures.words import AT_LEAST, for_plotly


def charts(runs: Sequence[Run]) -> list[Chart]:
    """Return capacity and accuracy over training; none of fewer than two checkpoints.

    Args:
        runs: of the experiment capacity, in the order of the training.
    """
    held, reached = over_training.capacities(runs), over_training.accuracies(runs)
    if held.empty or held["checkpoint"].nunique() < 2:
        return []
    bounds = held["at_end"] + held["open"] > 0
    sides = zip(held["source"], held["scheme"], strict=True)
    lines = [f"{in_words(source)}, {scheme}" for source, scheme in sides]
    held = held.assign(mark=bounds.map({True: AT_LEAST, False: ""}), line=lines)
    ends = [held[held["checkpoint"] == at] for at in held["checkpoint"].iloc[[0, -1]]]
    drawn = [
        _over_training(
            "capacity",
            held,
            "c_tokens",
            tr("Capacity over training: {ends}", ends=", ".join(map(_most, ends))),
            tr("C_tokens, best of the texts"),
            "; " + tr("{mark}: no length failed for at least one text", mark=AT_LEAST),
        )
    ]
    if len(reached):
        lines = [f"{s}, N = {n}" for s, n in zip(reached["scheme"], reached["n"], strict=True)]
        title = tr("Accuracy over training, at lengths that every checkpoint was tried at")
        reached = reached.assign(mark="", line=lines)
        y = tr("token accuracy, mean over texts")
        drawn.append(_over_training("accuracy", reached, "accuracy", title, y))
    return drawn


def _most(held: pd.DataFrame) -> str:
    """Say what a checkpoint holds at best."""
    top = max(held.to_dict("records"), key=lambda row: int(row["c_tokens"]))
    return tr(
        "{most} tokens at {checkpoint}",
        most=f"{top['mark']}{top['c_tokens']}",
        checkpoint=for_plotly(top["checkpoint"]),
    )


def _over_training(
    key: str, found: pd.DataFrame, value: str, title: str, y: str, also: str = ""
) -> Chart:
    """Draw a value over checkpoints, evenly apart: steps begin at 0, and the last has no number."""
    figure, words = go.Figure(), []
    for k, (name, part) in enumerate(found.groupby("line", sort=False)):
        figure.add_scatter(
            x=[for_plotly(label) for label in part["checkpoint"]],
            y=part[value],
            name=str(name),
            mode="lines+markers+text",
            text=part["mark"],
            textposition="top center",
            line={"color": RESTARTS[k % len(RESTARTS)], "dash": DASHES[k % len(DASHES)]},
            marker={"symbol": SYMBOLS[k % len(SYMBOLS)], "size": 9},
            cliponaxis=False,
            hovertemplate=f"%{{x}}, {name}: %{{y:.4g}}<extra></extra>",
        )
        each = zip(part["checkpoint"], part[value], strict=True)
        words.append(f"{name}: " + ", ".join(f"{label} {number:.3g}" for label, number in each))
    layout(figure, title, tr("checkpoint, in the order of training") + also, y, height=420)
    order = [for_plotly(label) for label in found["checkpoint"].unique()]
    figure.update_xaxes(type="category", categoryorder="array", categoryarray=order)
    figure.update_yaxes(rangemode="tozero")
    alt = tr("{what}, by checkpoint. {values}", what=y, values="; ".join(words))
    return Chart(f"{key}-over-training", figure, alt, found.drop(columns=["line", "mark"]))
