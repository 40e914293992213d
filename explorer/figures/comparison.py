"""Two restarts, of one run or of two, in one chart."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from explorer.base.language import tr
from explorer.figures.chart import SHARE, Chart, layout, log_axis, ticks_for
from explorer.figures.run import draw_restart
from explorer.solutions.recording import Recording

Curve = tuple[str, Recording, int]
"""A name, a recording, and which of its restarts is meant."""


def accuracy_of(curves: Sequence[Curve]) -> Chart:
    """Draw the token accuracy of some restarts over their steps."""
    return _compare(curves, "accuracy", tr("Accuracy of both"), tr("token accuracy"), SHARE)


def loss_of(curves: Sequence[Curve]) -> Chart:
    """Draw the mean cross-entropy of some restarts over their steps, on a logarithmic axis."""
    drawn = [recording.frames["loss"][:, restart] for _, recording, restart in curves]
    axis = log_axis(ticks_for(np.concatenate(drawn) if drawn else []))
    y = tr("mean cross-entropy, nats (log)")
    return _compare(curves, "loss", tr("Training loss of both"), y, axis)


def _compare(
    curves: Sequence[Curve], column: str, title: str, y: str, axis: dict[str, object]
) -> Chart:
    figure, tables, ends = go.Figure(), [pd.DataFrame()], []
    for k, (name, recording, restart) in enumerate(curves):
        steps, values = draw_restart(figure, recording, restart, column, name, k)
        tables.append(pd.DataFrame({"which": name, "step": steps, column: values}))
        ends.append(
            tr("{name} ends at {value}", name=name, value=f"{values[-1]:.2f}")
            if len(values)
            else tr("{name} has no frames", name=name)
        )
    figure.update_yaxes(axis)
    layout(figure, title, tr("optimizer step"), y)
    table = pd.concat(tables, ignore_index=True)
    alt = tr("{what} over steps: {ends}.", what=y, ends="; ".join(ends))
    return Chart(f"compared-{column}", figure, alt, table)
