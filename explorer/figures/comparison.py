"""Two restarts, of one run or of two, in one chart."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from explorer.figures.chart import SHARE, Chart, layout, log_axis, ticks_for
from explorer.figures.palette import DASHES, RESTARTS
from explorer.figures.run import until_done
from explorer.solutions.recording import Recording

Curve = tuple[str, Recording, int]
"""A name, a recording, and which of its restarts is meant."""


def accuracy_of(curves: Sequence[Curve]) -> Chart:
    """Draw the token accuracy of some restarts over their steps."""
    return _compare(
        curves,
        "accuracy",
        "Which one was right sooner",
        "token accuracy",
        SHARE,
    )


def loss_of(curves: Sequence[Curve]) -> Chart:
    """Draw the mean cross-entropy of some restarts over their steps, on a logarithmic axis."""
    drawn = [recording.frames["loss"][:, restart] for _, recording, restart in curves]
    axis = log_axis(ticks_for(np.concatenate(drawn) if drawn else []))
    return _compare(curves, "loss", "Loss of both", "mean cross-entropy, nats (log)", axis)


def _compare(
    curves: Sequence[Curve], column: str, title: str, y: str, axis: dict[str, object]
) -> Chart:
    figure, tables, ends = go.Figure(), [], []
    for k, (name, recording, restart) in enumerate(curves):
        frames = recording.frames
        steps, values = until_done(frames["steps"][:, restart], frames[column][:, restart])
        figure.add_scatter(
            x=steps,
            y=[float(v) if v == v else None for v in values],  # no NaN reaches the browser
            mode="lines" if len(steps) > 1 else "markers",
            name=name,
            line={"color": RESTARTS[k], "dash": DASHES[k], "width": 2},
            hovertemplate=f"{name}, step %{{x}}: %{{y:.3g}}<extra></extra>",
        )
        tables.append(pd.DataFrame({"which": name, "step": steps, column: values.astype(float)}))
        ends.append(f"{name} ends at {values[-1]:.2f}" if len(values) else f"{name} has no frames")
    figure.update_yaxes(axis)
    layout(figure, title, "optimiser step", y)
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    return Chart(f"compared-{column}", figure, f"{y} over steps: {'; '.join(ends)}.", table)
