"""Charts of distances: how far apart solutions are, and how that goes with their texts (E6, E7)."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float

from explorer.binned import Bins
from explorer.distance_report import DistanceReport, Summarised
from explorer.distances import KINDS, Kind, Metric, Vector
from explorer.figures.chart import Chart, layout
from explorer.figures.palette import DIFFERENT, SAME_CONTEXT, SAME_TEXT
from explorer.figures.words import plain

COLOURS: dict[Kind, str] = dict(zip(KINDS, (SAME_TEXT, SAME_CONTEXT, DIFFERENT), strict=True))
DASHES: dict[Kind, str] = dict(zip(KINDS, ("solid", "dash", "dot"), strict=True))
SYMBOLS: dict[Kind, str] = dict(zip(KINDS, ("circle", "diamond", "x-thin-open"), strict=True))
PATTERNS: dict[Kind, str] = dict(zip(KINDS, ("", "/", "."), strict=True))
UNITS: dict[Metric, str] = {"cosine": "cosine distance, 0 to 2", "l2": "L2 distance"}
BINS = 40


def density(
    values: Float[np.ndarray, " n"], at: Float[np.ndarray, " k"]
) -> Float[np.ndarray, " k"]:
    """Return a Gaussian kernel density with Scott's bandwidth; zeros where it is undefined."""
    width = values.std(ddof=1) * len(values) ** -0.2 if len(values) > 1 else 0.0
    if not width > 0:
        return np.zeros_like(at)
    scaled = (at[:, None] - values) / width
    heights: Float[np.ndarray, " k"] = np.exp(-(scaled**2) / 2).mean(1) / (
        width * np.sqrt(2 * np.pi)
    )
    return heights


def histogram(report: DistanceReport, measured: Summarised) -> Chart:
    """Draw the distances of each kind of pair as a histogram of densities with a smooth line."""
    column = f"{measured.metric}_{measured.vector}"
    values = {k: report.pairs.loc[report.pairs["kind"] == k, column].to_numpy() for k in KINDS}
    values = {kind: found for kind, found in values.items() if len(found)}
    everything = np.concatenate(list(values.values()))
    edges = np.linspace(*_range(everything), BINS + 1)
    figure = go.Figure()
    rows = []
    for kind, found in values.items():
        counts, _ = np.histogram(found, edges)
        heights = counts / (len(found) * np.diff(edges))
        figure.add_bar(
            x=(edges[:-1] + edges[1:]) / 2, y=heights, width=np.diff(edges), opacity=0.45,
            name=f"{kind} ({len(found)} pairs)", legendgroup=kind,
            marker={"color": COLOURS[kind], "pattern": {"shape": PATTERNS[kind]}},
            hovertemplate=f"{kind}: %{{x:.3f}}, density %{{y:.2f}}<extra></extra>",
        )  # fmt: skip
        grid = np.linspace(edges[0], edges[-1], 200)
        figure.add_scatter(
            x=grid, y=density(found, grid), mode="lines", legendgroup=kind, showlegend=False,
            line={"color": COLOURS[kind], "dash": DASHES[kind], "width": 2}, hoverinfo="skip",
        )  # fmt: skip
        rows.append(
            pd.DataFrame(
                {"kind": kind, "from": edges[:-1], "to": edges[1:], "pairs": counts,
                 "density": heights}
            )
        )  # fmt: skip
    if measured.baseline is not None:
        _draw_baseline(figure, *measured.baseline)
    figure.update_layout(barmode="overlay")
    name = "e and m together" if measured.vector == "both" else measured.vector
    layout(
        figure,
        f"Are solutions of one text close? Distances of {name}",
        f"{UNITS[measured.metric]}, of {name}",
        "density of pairs",
        height=380,
    )
    medians = ", ".join(f"{kind} {median:.3f}" for kind, median in measured.medians.items())
    alt = f"Histograms of {UNITS[measured.metric]} between {name}; medians: {medians}."
    return Chart(f"distances-{column}", figure, alt, pd.concat(rows, ignore_index=True))


def _range(values: Float[np.ndarray, " n"]) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    room = (high - low) * 0.03 or 0.01
    return low - room, high + room


def _draw_baseline(figure: go.Figure, mean: float, deviation: float) -> None:
    """Mark where random directions lie: 1 ± 1/√d."""
    figure.add_vrect(
        x0=mean - deviation, x1=mean + deviation, fillcolor="gray", opacity=0.18, line_width=0
    )
    figure.add_vline(
        x=mean, line={"dash": "longdash", "color": "gray", "width": 1.5},
        annotation_text=f"random vectors 1 ± {deviation:.3f}", annotation_position="top left",
        annotation_yshift=16,
    )  # fmt: skip


def against_texts(
    points: pd.DataFrame,
    means: list[Bins],
    text_axis: str,
    vector: Vector,
    texts: list[str],
) -> Chart:
    """Draw proto-token distance against text distance: a point a text pair, and binned means.

    Args:
        points: of `explorer.binned.text_pairs`.
        means: of `explorer.binned.bins`.
        text_axis: what the text distance is, in words.
        vector: whose cosine distance is drawn.
        texts: the texts by number, for hover boxes.
    """
    figure = go.Figure()
    for kind in KINDS[1:]:
        here = points[points["kind"] == kind]
        figure.add_scatter(
            x=here["x"], y=here["y"], mode="markers", name=f"{kind} ({len(here)} text pairs)",
            marker={"color": COLOURS[kind], "symbol": SYMBOLS[kind], "size": 7, "opacity": 0.6,
                    "line": {"width": 1.5, "color": COLOURS[kind]}},
            customdata=np.stack([here["text_a"], here["text_b"]], 1),
            text=[f"{plain(texts[a])}<br>{plain(texts[b])}"
                  for a, b in zip(here["text_a"], here["text_b"], strict=True)],
            hovertemplate="%{text}<br>text %{x:.3f}, proto-tokens %{y:.3f}<extra></extra>",
        )  # fmt: skip
    for found in means:
        figure.add_scatter(
            x=found.centre, y=found.mean, mode="lines+markers", name=f"{found.kind}, binned mean",
            line={"color": COLOURS[found.kind], "dash": DASHES[found.kind], "width": 3},
            marker={"size": 9, "symbol": "square", "line": {"width": 1.5, "color": "white"}},
            error_y={"type": "data", "symmetric": False, "array": found.high - found.mean,
                     "arrayminus": found.mean - found.low, "thickness": 2},
            hovertemplate=f"{found.kind}: mean %{{y:.3f}} at %{{x:.2f}}<extra></extra>",
        )  # fmt: skip
    name = "e and m together" if vector == "both" else vector
    layout(
        figure,
        f"Are close texts close as {name}?",
        f"{text_axis}, 0 to 1",
        f"cosine distance of {name}",
        height=420,
    )
    figure.update_layout(clickmode="event+select", dragmode="pan")
    alt = (
        f"Scatter of {len(points)} text pairs: {text_axis} against cosine distance of {name}, with "
        f"binned means of {len(means)} kinds."
    )
    return Chart(f"texts-{text_axis.partition(' ')[0].lower()}-{vector}", figure, alt, points)


def binned_table(means: list[Bins]) -> pd.DataFrame:
    """Return the binned means as rows."""
    return pd.concat(
        [
            pd.DataFrame(
                {"kind": b.kind, "text distance": b.centre, "mean": b.mean, "2.5%": b.low,
                 "97.5%": b.high, "text pairs": b.count}
            )
            for b in means
        ],
        ignore_index=True,
    ) if means else pd.DataFrame()  # fmt: skip
