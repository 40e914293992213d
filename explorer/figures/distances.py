"""Charts of distances: how far apart solutions are, and how that goes with their texts (E6, E7)."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from explorer.base.formatting import counted
from explorer.base.language import later, tr
from explorer.figures.chart import Chart, interval, layout
from explorer.figures.palette import DIFFERENT, SAME_CONTEXT, SAME_TEXT
from explorer.figures.words import for_hover
from explorer.geometry.distance_charts import AgainstTexts, Histogram
from explorer.geometry.distance_report import Summarised
from explorer.geometry.distances import KINDS, Kind, Metric

COLOURS: dict[Kind, str] = dict(zip(KINDS, (SAME_TEXT, SAME_CONTEXT, DIFFERENT), strict=True))
DASHES: dict[Kind, str] = dict(zip(KINDS, ("solid", "dash", "dot"), strict=True))
SYMBOLS: dict[Kind, str] = dict(zip(KINDS, ("circle", "diamond", "x-thin-open"), strict=True))
PATTERNS: dict[Kind, str] = dict(zip(KINDS, ("", "/", "."), strict=True))
UNITS: dict[Metric, str] = {
    "cosine": later("cosine distance, 0 to 2"),
    "l2": later("L2 distance"),
}
TEXT_AXES = {
    "tfidf": later("TF-IDF cosine distance between texts"),
    "semantic": later("Semantic distance between texts (MiniLM cosine)"),
}
TEXTS_APART = {"tfidf": 1, "semantic": 2}
"""The largest that each can be: weights of words are not negative, a sentence's vector may be."""
TOGETHER = later("e and m together")


def histogram(found: Histogram, measured: Summarised) -> Chart:
    """Draw the distances of each kind of pair as a histogram of densities with a smooth line.

    Args:
        found: how they spread.
        measured: the statistics of the same vector and metric.
    """
    edges = np.array(found.edges)
    width = np.diff(edges)
    figure = go.Figure()
    rows = []
    for kind, counts in found.pairs.items():
        heights = np.array(counts) / (sum(counts) * width)
        figure.add_bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=heights,
            width=width,
            opacity=0.45,
            name=f"{tr(kind)} ({counted(sum(counts), 'pair')})",
            legendgroup=kind,
            marker={"color": COLOURS[kind], "pattern": {"shape": PATTERNS[kind]}},
            hovertemplate=tr("{kind}: %{{x:.3f}}, density %{{y:.2f}}", kind=tr(kind))
            + "<extra></extra>",
        )
        smooth = found.smooth[kind]
        figure.add_scatter(
            x=np.linspace(edges[0], edges[-1], len(smooth)),
            y=smooth,
            mode="lines",
            legendgroup=kind,
            showlegend=False,
            hoverinfo="skip",
            line={"color": COLOURS[kind], "dash": DASHES[kind], "width": 2},
        )
        rows.append(
            pd.DataFrame(
                {
                    "kind": tr(kind),
                    "from": edges[:-1],
                    "to": edges[1:],
                    "pairs": counts,
                    "density": heights,
                }
            )
        )
    figure.update_layout(barmode="overlay")
    name = tr(TOGETHER) if measured.vector == "both" else measured.vector
    distance = tr(UNITS[measured.metric])
    layout(
        figure,
        tr("Are solutions of one text close? Distances of {name}", name=name),
        tr("{distance}, of {name}", distance=distance, name=name),
        tr("density of pairs"),
        height=380,
    )
    if measured.baseline is not None:
        _draw_baseline(figure, *measured.baseline)
        figure.update_layout(margin_t=56)  # its words stand above the bars, below the toolbar
    alt = tr(
        "Histograms of {distance} between {name}; medians: {medians}.",
        distance=distance,
        name=name,
        medians=", ".join(f"{tr(kind)} {middle:.3f}" for kind, middle in measured.medians.items()),
    )
    key = f"distances-{measured.metric}_{measured.vector}"
    return Chart(key, figure, alt, pd.concat(rows, ignore_index=True))


def _draw_baseline(figure: go.Figure, mean: float, deviation: float) -> None:
    """Mark where random directions lie: 1 ± 1/√d."""
    figure.add_vrect(
        x0=mean - deviation, x1=mean + deviation, fillcolor="gray", opacity=0.18, line_width=0
    )
    figure.add_vline(
        x=mean,
        line={"dash": "longdash", "color": "gray", "width": 1.5},
        annotation_text=tr("random vectors: {range}", range=f"1 ± {deviation:.3f}"),
        annotation_position="top left",
        annotation_yshift=16,
    )


def against_texts(points: pd.DataFrame, found: AgainstTexts, texts: list[str]) -> Chart:
    """Draw proto-token distance against text distance: a point a text pair, and binned means.

    Args:
        points: the text pairs to draw, all or some, as `explorer.geometry.binned.points`.
        found: binned means of all of them.
        texts: the texts by number, for hover boxes.
    """
    figure = go.Figure()
    for kind in KINDS[1:]:
        here = points[points["kind"] == kind]
        figure.add_scatter(
            x=here["x"], y=here["y"], mode="markers",
            name=f"{tr(kind)} ({_of(len(here), found.text_pairs[kind])})",
            marker={"color": COLOURS[kind], "symbol": SYMBOLS[kind], "size": 7, "opacity": 0.6,
                    "line": {"width": 1.5, "color": COLOURS[kind]}},
            customdata=np.stack([here["text_a"], here["text_b"]], 1),
            text=[f"{for_hover(texts[a])}<br>{for_hover(texts[b])}"
                  for a, b in zip(here["text_a"], here["text_b"], strict=True)],
            hovertemplate="%{text}<br>" + tr("text %{x:.3f}, proto-tokens %{y:.3f}")
            + "<extra></extra>",
        )  # fmt: skip
    for mean in found.bins:
        figure.add_scatter(
            x=mean.centre,
            y=mean.mean,
            mode="lines+markers",
            name=tr("{kind}, binned mean", kind=tr(mean.kind)),
            line={"color": COLOURS[mean.kind], "dash": DASHES[mean.kind], "width": 3},
            marker={"size": 9, "symbol": "square", "line": {"width": 1.5, "color": "white"}},
            error_y=interval(mean.mean, mean.low, mean.high, thickness=2),
            hovertemplate=tr("{kind}: mean %{{y:.3f}} at %{{x:.2f}}", kind=tr(mean.kind))
            + "<extra></extra>",
        )
    name = tr(TOGETHER) if found.vector == "both" else found.vector
    text_axis = TEXT_AXES[found.text_distance]
    distance = tr(text_axis)
    layout(
        figure,
        tr("Do similar texts have similar proto-tokens? Distances of {name}", name=name),
        tr("{distance}, 0 to {most}", distance=distance, most=TEXTS_APART[found.text_distance]),
        tr("cosine distance of {name}", name=name),
        height=420,
    )
    figure.update_layout(clickmode="event+select", dragmode="pan")
    alt = tr(
        "Scatter of {pairs}: {distance} against cosine distance of {name}, with binned means of "
        "{kinds}.",
        pairs=_of(len(points), sum(found.text_pairs.values())),
        distance=distance,
        name=name,
        kinds=counted(len(found.bins), "kind"),
    )
    key = f"texts-{text_axis.partition(' ')[0].lower()}-{found.vector}"
    return Chart(key, figure, alt, points)


def _of(drawn: int, count: int) -> str:
    """Say how many of the text pairs are drawn, where not all are."""
    every = counted(count, "text pair")
    return every if drawn == count else tr("{drawn} of {pairs}", drawn=drawn, pairs=every)
