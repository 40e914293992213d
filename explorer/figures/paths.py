"""Charts of paths: accuracy and loss over t, position by position, and all pairs at once (E8)."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from explorer.base.formatting import counted
from explorer.base.language import later, tr
from explorer.figures.chart import SHARE, Chart, layout
from explorer.figures.palette import BEZIER, RIGHT, STRAIGHT, WRONG, WRONG_TO_RIGHT
from explorer.figures.words import for_plotly
from explorer.paths.result import Paths

LINE_NAME = later("straight line")
CURVE_NAMES = {"bezier": later("Bezier curve"), "two-bends": later("path with two bends")}
PAPER_RATIO = 1.2
"""Largest length ratio the paper reports (E8)."""


def curve_name(paths: Paths) -> str:
    """Return what the trained curve is called, in English."""
    return CURVE_NAMES[paths.header.kind]


def accuracy_along(paths: Paths, pair: int) -> Chart:
    """Draw token accuracy along both paths of a pair (Q8)."""
    title = tr("The straight line loses the text. Does the curve?")
    return _along(paths, pair, "accuracy", title, tr("token accuracy"), SHARE)


def loss_along(paths: Paths, pair: int) -> Chart:
    """Draw the mean cross-entropy along both paths of a pair, on a logarithmic axis."""
    title, y = tr("The barrier between two solutions"), tr("mean cross-entropy, nats (log)")
    axis: dict[str, object] = {"type": "log", "dtick": 1, "exponentformat": "power"}
    return _along(paths, pair, "loss", title, y, axis)


def _along(
    paths: Paths, pair: int, column: str, title: str, y: str, axis: dict[str, object]
) -> Chart:
    figure = go.Figure()
    values = {
        LINE_NAME: getattr(paths.line, column)[pair],
        curve_name(paths): getattr(paths.curve, column)[pair],
    }
    for name, drawn in values.items():
        usable = np.isfinite(drawn) & ((drawn > 0) | (column == "accuracy"))
        figure.add_scatter(
            x=paths.t[usable],
            y=drawn[usable],
            name=tr(name),
            mode="lines",
            line=_style(name),
            hovertemplate=f"{tr(name)}, t %{{x:.3f}}: %{{y:.3g}}<extra></extra>",
        )
    figure.update_yaxes(axis)
    figure.update_xaxes(range=[-0.02, 1.02])
    layout(figure, title, tr("t, from one solution (0) to the other (1)"), y)
    ranges = "; ".join(
        tr(
            "{path} from {low} to {high}",
            path=tr(name),
            low=f"{np.nanmin(v):.2f}",
            high=f"{np.nanmax(v):.2f}",
        )
        for name, v in values.items()
        if np.isfinite(v).any()
    )
    table = pd.DataFrame({"t": paths.t, **values})
    alt = tr("{what} over t: {ranges}.", what=y, ranges=ranges)
    return Chart(f"path-{column}", figure, alt, table)


def _style(name: str) -> dict[str, object]:
    if name == LINE_NAME:
        return {"color": STRAIGHT, "width": 2.5, "dash": "dash"}
    return {"color": BEZIER, "width": 3}


def positions_along(paths: Paths, pair: int) -> Chart:
    """Draw p(target) over position and t, for the straight line and for the curve of a pair."""
    labels = [paths.header.pieces.get(i, "") for i in paths.text(pair).target_ids]
    names = (tr(LINE_NAME), tr(curve_name(paths)))
    both = (paths.line.p[pair].T, paths.curve.p[pair].T)
    figure = make_subplots(rows=1, cols=2, shared_yaxes=True, subplot_titles=names)
    figure.update_annotations(font_size=13)
    said = np.array([for_plotly(label) for label in labels], dtype=object)
    for column, p in enumerate(both, 1):
        figure.add_heatmap(
            z=np.nan_to_num(p.astype(np.float32)),
            x=paths.t,
            y=np.arange(1, len(labels) + 1),
            customdata=np.tile(said[:, None], (1, len(paths.t))),
            coloraxis="coloraxis",
            hovertemplate=tr("t %{x:.3f}, position %{y} “%{customdata}”: p %{z:.2f}")
            + "<extra></extra>",
            row=1,
            col=column,
        )
    figure.update_yaxes(autorange="reversed")
    title = tr("Which positions break on the way")
    layout(figure, title, "t", tr("position in text"), height=340)
    figure.update_xaxes(title="t")
    figure.update_layout(
        margin={"t": 60},
        coloraxis={
            "cmin": 0,
            "cmax": 1,
            "colorscale": WRONG_TO_RIGHT,
            "colorbar": {"title": "p", "thickness": 10, "tickformat": ".1f"},
        },
    )
    table = pd.DataFrame(
        {
            "t": np.repeat(paths.t, len(labels)),
            "position": np.tile(np.arange(1, len(labels) + 1), len(paths.t)),
            "token": np.tile(np.array(labels, dtype=object), len(paths.t)),
            f"p, {names[0]}": both[0].T.ravel().astype(np.float32),
            f"p, {names[1]}": both[1].T.ravel().astype(np.float32),
        }
    )
    alt = tr(
        "Two heat maps of the probability of the correct token ({positions}, {points} along t): "
        "{line} and {curve}.",
        positions=counted(len(labels), "position"),
        points=counted(len(paths.t), "point"),
        line=names[0],
        curve=names[1],
    )
    return Chart("path-positions", figure, alt, table)


def convergence(paths: Paths, pair: int) -> Chart:
    """Draw lowest and mean accuracy along the curve over the steps of its training."""
    own = paths.history[paths.history["pair"] == pair]
    figure = go.Figure()
    for column, name, dash in (
        ("mean", tr("mean along the curve"), "solid"),
        ("minimum", tr("lowest point"), "dot"),
    ):
        figure.add_scatter(
            x=own["step"],
            y=np.nan_to_num(own[column]),
            name=name,
            mode="lines+markers" if len(own) < 60 else "lines",
            line={"color": BEZIER, "dash": dash, "width": 2},
            hovertemplate=tr("step %{{x}}, {name}: %{{y:.1%}}", name=name) + "<extra></extra>",
        )
    for k, begun in enumerate(paths.begun_anew(pair), 2):
        figure.add_vline(x=begun, line={"color": STRAIGHT, "dash": "dot", "width": 1.5})
        name = tr("attempt {number}", number=k)
        figure.add_annotation(x=begun, y=0.15, text=name, showarrow=False, xanchor="left")
    at = paths.converged_at(pair)
    said = tr("not connected yet") if at is None else tr("connected from step {step}", step=at)
    if at is not None:
        figure.add_vline(x=at, line={"color": RIGHT, "dash": "dash", "width": 1.5})
        figure.add_annotation(x=at, y=0.05, text=said, showarrow=False, xanchor="left")
    figure.update_yaxes(SHARE)
    layout(
        figure,
        tr("Accuracy while the curve is trained"),
        tr("optimizer step"),
        tr("token accuracy on the grid"),
    )
    alt = tr(
        "Accuracy along the curve, {measurements}; {state}.",
        measurements=counted(len(own), "measurement"),
        state=said,
    )
    table = pd.DataFrame({name: own[name] for name in ("step", "minimum", "mean", "loss")})
    return Chart("path-convergence", figure, alt, table)


def all_pairs(paths: Paths) -> Chart:
    """Draw accuracy along both paths of every pair, thin, and their means, thick (E8)."""
    seen = np.flatnonzero(paths.measured)
    figure = go.Figure()
    table: dict[str, np.ndarray] = {"t": paths.t}
    alt = []
    for name, profile in ((LINE_NAME, paths.line), (curve_name(paths), paths.curve)):
        values = np.nan_to_num(profile.accuracy[seen])
        style = _style(name)
        x, y = _to_and_fro(paths.t, values)
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines",
            line={"color": style["color"], "width": 0.8},
            opacity=0.45,
            hoverinfo="skip",
            showlegend=False,
        )
        if len(seen):
            mean = values.mean(axis=0)
            figure.add_scatter(
                x=paths.t,
                y=mean,
                mode="lines",
                name=tr("{path}, mean of all pairs ({count})", path=tr(name), count=len(seen)),
                line=style | {"width": 4},
                hovertemplate=tr("{path}, t %{{x:.3f}}: mean %{{y:.1%}}", path=tr(name))
                + "<extra></extra>",
            )
            alt.append(
                tr(
                    "{path}: mean {mean}, lowest mean {lowest}",
                    path=tr(name),
                    mean=f"{mean.mean():.2f}",
                    lowest=f"{mean.min():.2f}",
                )
            )
            for k, row in zip(seen.tolist(), values, strict=True):
                table[f"{tr(name)}, {k}: {paths.header.title(k)}"] = row
    figure.update_yaxes(SHARE)
    layout(
        figure,
        tr("All pairs: does the text survive on the way?"),
        tr("t, from one solution (0) to the other (1)"),
        tr("token accuracy"),
        height=380,
    )
    return Chart(
        "all-pairs",
        figure,
        tr(
            "Accuracy along {pairs}. {means}",
            pairs=counted(len(seen), "pair"),
            means="; ".join(alt),
        ),
        pd.DataFrame(table),
    )


def _to_and_fro(t: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """String all pairs into one line: every other one backwards, so that it never jumps in t."""
    x = [t if k % 2 == 0 else t[::-1] for k in range(len(values))]
    y = [row if k % 2 == 0 else row[::-1] for k, row in enumerate(values)]
    return (np.concatenate(x), np.concatenate(y)) if x else (t[:0], t[:0])


def ratios(paths: Paths) -> Chart:
    """Draw the length ratio of every measured pair, connected or not (Q9)."""
    table = pair_table(paths)
    figure = go.Figure()
    for connected, name, colour, symbol in (
        (True, tr("connected"), RIGHT, "circle"),
        (False, tr("not connected"), WRONG, "x"),
    ):
        own = table[table["connected"] == connected]
        figure.add_scatter(
            x=own["length ratio"],
            y=own["mean, curve"],
            mode="markers",
            name=name,
            marker={"color": colour, "symbol": symbol, "size": 9},
            customdata=own[["ends"]],
            hovertemplate=tr("%{customdata[0]}: ratio %{x:.3f}, mean %{y:.1%}") + "<extra></extra>",
        )
    figure.add_vline(
        x=PAPER_RATIO,
        line={"dash": "dash", "width": 1.5, "color": STRAIGHT},
        annotation_text=tr("largest in the paper"),
        annotation_position="bottom right",
    )
    figure.update_yaxes(tickformat=".0%")
    layout(
        figure,
        tr("How much longer is the curve?"),
        tr("curve length ÷ chord length"),
        tr("mean accuracy along the curve"),
        height=380,
    )
    alt = tr("Length ratios of {pairs}.", pairs=counted(len(table), "pair"))
    return Chart("length-ratios", figure, alt, table)


def pair_table(paths: Paths) -> pd.DataFrame:
    """Return one line for each measured pair: its ends, accuracies, lengths and steps."""
    rows = []
    for k in np.flatnonzero(paths.measured).tolist():
        rows.append(
            {
                "pair": k,
                "ends": paths.header.title(k),
                "text": paths.text(k).text,
                "connected": bool(paths.connected[k]),
                "lowest, line": float(paths.line.accuracy[k].min()),
                "mean, line": paths.mean(k, line=True),
                "lowest, curve": float(paths.curve.accuracy[k].min()),
                "mean, curve": paths.mean(k),
                "length ratio": paths.ratio(k),
                "chord": paths.chord(k),
                "steps": int(paths.steps[k]),
                "connected from step": paths.converged_at(k),
            }
        )
    columns = ["pair", "ends", "text", "connected", "length ratio", "mean, curve"]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=columns)
