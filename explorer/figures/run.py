"""Charts of runs: how restarts form, position by position and step by step, and beside others."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from explorer.base.formatting import counted
from explorer.base.language import tr
from explorer.figures.chart import SHARE, Chart, layout, log_axis, ticks_for
from explorer.figures.palette import DASHES, RESTARTS, RIGHT, WRONG_TO_RIGHT
from explorer.figures.words import for_plotly
from explorer.solutions.recording import PHASES, Recording

MOST_STEPS_DRAWN = 120
Curve = tuple[str, Recording, int]
"""A name, a recording, and which of its restarts is meant."""


def accuracy_curves(recording: Recording) -> Chart:
    """Draw token accuracy of each restart over its steps."""
    return _of_each(recording, "accuracy", tr("Accuracy of each restart"))


def loss_curves(recording: Recording) -> Chart:
    """Draw the mean cross-entropy of each restart over its steps, on a logarithmic axis."""
    return _of_each(recording, "loss", tr("Training loss"))


def _of_each(recording: Recording, column: str, title: str) -> Chart:
    frames, seeds = recording.frames, recording.header.seeds
    curves = [(tr("seed {seed}", seed=seed), recording, k) for k, seed in enumerate(seeds)]
    figure, y, _ = _draw(curves, column, title, tr("optimizer step of the restart"))
    last = frames[column][-1] if len(frames) else np.zeros(0)
    restarts = counted(len(seeds), "restart")
    alt = tr("{what} over steps, a line each: {restarts}.", what=y, restarts=restarts)
    if len(last):
        now = (f"{v:.2f}" if np.isfinite(v) else tr("not a number") for v in last)
        alt += " " + tr("Now: {values}.", values=", ".join(now))
    return Chart(column, figure, alt, curve_table(recording))


def compared(curves: Sequence[Curve], column: Literal["accuracy", "loss"]) -> Chart:
    """Draw token accuracy, or mean cross-entropy on a logarithmic axis, of restarts over steps."""
    title = tr("Accuracy of both") if column == "accuracy" else tr("Training loss of both")
    figure, y, drawn = _draw(curves, column, title, tr("optimizer step"))
    tables, ends = [pd.DataFrame()], []
    for (name, _, _), (steps, values) in zip(curves, drawn, strict=True):
        tables.append(pd.DataFrame({"which": name, "step": steps, column: values}))
        ends.append(
            tr("{name} ends at {value}", name=name, value=f"{values[-1]:.2f}")
            if len(values)
            else tr("{name} has no frames", name=name)
        )
    alt = tr("{what} over steps: {ends}.", what=y, ends="; ".join(ends))
    return Chart(f"compared-{column}", figure, alt, pd.concat(tables, ignore_index=True))


def _draw(
    curves: Sequence[Curve], column: str, title: str, x: str
) -> tuple[go.Figure, str, list[tuple[np.ndarray, np.ndarray]]]:
    """Draw accuracy or loss of restarts; return the figure, what y is, and steps and values."""
    figure, drawn = go.Figure(), []
    for k, (name, recording, restart) in enumerate(curves):
        frames = recording.frames
        steps, values = until_done(
            frames["steps"][:, restart], frames[column][:, restart].astype(float)
        )
        finite = np.isfinite(values)
        figure.add_scatter(
            x=steps[finite],
            y=values[finite],
            mode="lines" if finite.sum() > 1 else "markers",
            name=name,
            line={
                "color": RESTARTS[k % len(RESTARTS)],
                "dash": DASHES[k % len(DASHES)],
                "width": 2,
            },
            hovertemplate=tr("{name}, step %{{x}}: %{{y:.3g}}", name=name) + "<extra></extra>",
        )
        drawn.append((steps, values))
    y, axis = tr("token accuracy"), SHARE
    if column == "loss":
        every = [recording.frames["loss"][:, restart] for _, recording, restart in curves]
        y, axis = tr("mean cross-entropy, nats (log)"), log_axis(ticks_for(np.concatenate(every)))
    figure.update_yaxes(axis)
    return layout(figure, title, x, y), y, drawn


def curve_table(recording: Recording) -> pd.DataFrame:
    """Return one line for each frame and restart: seed, step, loss, accuracy."""
    frames, seeds = recording.frames, recording.header.seeds
    return pd.DataFrame(
        {
            "seed": np.tile(seeds, len(frames)),
            "step": frames["steps"].ravel(),
            "loss": frames["loss"].ravel(),
            "accuracy": frames["accuracy"].ravel(),
        }
    )


def position_heatmap(recording: Recording, restart: int) -> Chart:
    """Draw p(target) over position and step for one restart.

    Args:
        recording: the run.
        restart: index of the restart.
    """
    frames, labels = recording.frames, _labels(recording)
    steps, _ = until_done(frames["steps"][:, restart], frames["accuracy"][:, restart])
    keep = np.unique(np.linspace(0, len(steps) - 1, MOST_STEPS_DRAWN).round().astype(int))
    keep = keep[(keep >= 0) & (keep < len(steps))]
    p = frames["p"][keep, restart].astype(np.float32).T
    p[:, -1:] = frames["p"][-1:, restart].T  # the final float32 score, if the restart is over
    seed = recording.header.seeds[restart]
    figure = go.Figure(
        go.Heatmap(
            z=np.nan_to_num(p),
            x=steps[keep],
            y=np.arange(1, len(labels) + 1),
            customdata=np.tile(_in_hover(labels)[:, None], (1, len(keep))),
            zmin=0,
            zmax=1,
            colorscale=WRONG_TO_RIGHT,
            colorbar={"title": "p", "thickness": 10, "tickformat": ".1f"},
            hovertemplate=tr("step %{x}, position %{y} “%{customdata}”: p %{z:.2f}")
            + "<extra></extra>",
        )
    )
    figure.update_yaxes(autorange="reversed")
    layout(
        figure,
        tr("Which positions are learned first (seed {seed})", seed=seed),
        tr("optimizer step"),
        tr("position in text"),
    )
    table = pd.DataFrame(p.T, columns=[f"{i} {label}" for i, label in enumerate(labels, 1)])
    table.insert(0, "step", steps[keep])
    alt = tr(
        "Heat map of the probability of the correct token: {positions}, {frames}, restart with "
        "seed {seed}.",
        positions=counted(len(labels), "position"),
        frames=counted(len(steps), "frame"),
        seed=seed,
    )
    return Chart("positions", figure, alt, table)


def position_accuracy(recording: Recording) -> Chart:
    """Draw for every position the share of restarts that have it right in the newest frame."""
    newest, labels = recording.correct[-1:], _labels(recording)
    right = newest[0] if len(newest) else np.zeros((len(recording.header.seeds), len(labels)), bool)
    share = right.mean(0)
    positions = np.arange(1, len(labels) + 1)
    figure = go.Figure(
        go.Bar(
            x=positions,
            y=share,
            marker_color=RIGHT,
            customdata=_in_hover(labels),
            hovertemplate=tr("position %{x} “%{customdata}”: %{y:.0%} of restarts")
            + "<extra></extra>",
        )
    )
    figure.update_yaxes(range=[0, 1.05], tickformat=".0%")
    layout(
        figure,
        tr("Correct positions, over all restarts"),
        tr("position in text"),
        tr("share of restarts ({count})", count=len(right)),
    )
    table = pd.DataFrame({"position": positions, "token": labels, "share correct": share})
    for k, seed in enumerate(recording.header.seeds):
        table[tr("seed {seed}", seed=seed)] = right[k]
    alt = tr(
        "Bars: positions that are correct in every restart, {correct} of {count}.",
        correct=int((share == 1).sum()),
        count=len(labels),
    )
    return Chart("position-accuracy", figure, alt, table)


def _labels(recording: Recording) -> list[str]:
    """Return what each target token says, N of them; "" where nobody knows."""
    return [recording.header.pieces.get(i, "") for i in recording.header.target_ids]


def _in_hover(labels: list[str]) -> np.ndarray:
    """Return token texts for hover boxes, which would read them as HTML."""
    return np.array([for_plotly(label) for label in labels], dtype=object)


def full_table(recording: Recording) -> pd.DataFrame:
    """Return every number of a recording in long form, for CSV and Parquet.

    `step` counts the steps of the run, in each of which every restart that trains takes one;
    `restart_step` those of that restart alone: it stands still while the restart rests and once it
    is over.

    Columns: step, seconds, seed, restart_step, phase, loss, accuracy, position (from 1), target_id,
    target, predicted_id, predicted, correct, p_target, rank.
    """
    frames, header = recording.frames, recording.header
    F, K, N = frames["predicted"].shape
    each = {
        "step": np.repeat(frames["step"], K * N),
        "seconds": np.repeat(frames["seconds"], K * N),
        "seed": np.tile(np.repeat(header.seeds, N), F),
        "restart_step": np.repeat(frames["steps"].ravel(), N),
        "phase": np.repeat(np.array(PHASES)[frames["phase"].ravel()], N),
        "loss": np.repeat(frames["loss"].ravel(), N),
        "accuracy": np.repeat(frames["accuracy"].ravel(), N),
        "position": np.tile(np.arange(1, N + 1), F * K),
        "target_id": np.tile(header.target_ids, F * K),
        "predicted_id": frames["predicted"].ravel(),
        "correct": recording.correct.ravel(),
        "p_target": frames["p"].ravel().astype(np.float32),
        "rank": frames["rank"].ravel(),
    }
    table = pd.DataFrame(each)
    table.insert(9, "target", table["target_id"].map(header.pieces))
    table.insert(11, "predicted", table["predicted_id"].map(header.pieces))
    return table


def until_done(steps: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut a restart's column where it ended; its last point is the final float32 value."""
    if not len(steps):
        return steps, values
    end = int(np.argmax(steps == steps[-1])) + 1
    kept = values[:end].copy()
    kept[-1] = values[-1]
    return steps[:end], kept
