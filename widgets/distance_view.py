"""The distances of a set on the page: numbers, histograms, and against text distances."""

import pandas as pd
import streamlit as st

from explorer.figures import distances as charts
from explorer.figures.stored import TEXT_AXES
from explorer.geometry import distance_report, distances
from explorer.geometry.binned import LEAST
from explorer.geometry.distance_report import DistanceSummary
from explorer.geometry.distances import Vector
from explorer.geometry.effects import Comparison
from explorer.solutions.sets import SolutionSet
from widgets import charts as chart_widget
from widgets import words
from widgets.cached import Newest
from widgets.markdown import escaped

METRICS = {"cosine": "cosine", "l2": "L2"}
MINILM = "all-MiniLM-L6-v2, offline."
BARS = "Bars are 95% over resampled contexts."


def read(found: SolutionSet) -> DistanceSummary | None:
    """Return what is measured of a set, read once for each version; None: nothing yet."""
    measured = map(_read, distance_report.files(found.record))
    return next((summary for summary in measured if summary is not None), None)


_read = Newest(distance_report.read, 16)


def histograms(summary: DistanceSummary, vector: str) -> None:
    """The histogram of one vector with its statistics."""
    metric = st.segmented_control(
        "Distance",
        list(METRICS),
        default="cosine",
        required=True,
        key="metric",
        format_func=METRICS.get,
        bind="query-params",
    )  # type: ignore[call-overload]
    measured = summary.of(vector, metric)
    assert measured is not None
    chart_widget.show(charts.histogram(summary.histogram(measured), measured), "distances")
    st.write(escaped(distance_report.order_in_words(measured)))
    if measured.comparisons:
        st.dataframe(
            pd.DataFrame([_row(c) for c in measured.comparisons]),
            hide_index=True,
            key="comparisons",
            alt="Table of effect sizes with intervals and permutation tests",
        )
    intervals = any(c.low is not None for c in measured.comparisons)
    over = f" Intervals: 95% over {summary.resamples} resamplings of contexts." if intervals else ""
    st.caption(
        "AUC: the chance that a pair of the first kind is closer than one of the second (0.5: no "
        f"difference); Cliff's δ = 2·AUC − 1.{over} p: one-sided, {summary.permutations} "
        "permutations of labels, never of pairs."
    )


def _row(c: Comparison) -> dict[str, object]:
    return {
        "closer": c.near,
        "than": c.far,
        "AUC": round(c.auc, 4),
        "95% interval": "–" if c.low is None else f"{c.low:.3f} to {c.high:.3f}",
        "Cliff's δ": round(c.cliffs_delta, 4),
        "p": c.p,
        "permuted": c.shuffled,
    }


def numbers(summary: DistanceSummary, vector: str) -> None:
    """How many solutions, contexts and pairs, and the medians of the cosine distance."""
    measured = summary.of(vector, "cosine")
    medians = measured.medians if measured is not None else {}
    with st.container(horizontal=True):
        words.metric("Solutions", summary.solutions)
        words.metric("Contexts", summary.contexts)
        words.metric("Texts", summary.texts)
        for kind, count in summary.counts.items():
            middle = f"median {medians[kind]:.3f}" if kind in medians else "no pair"
            words.metric(
                f"Pairs, {kind}", f"{count:,}", middle, delta_color="off", delta_arrow="off"
            )


def against_texts(summary: DistanceSummary, found: SolutionSet, vector: Vector) -> None:
    """Proto-token distance against text distance; choosing points shows the two texts."""
    axis = st.segmented_control(
        "Text distance",
        list(TEXT_AXES),
        default="tfidf",
        required=True,
        key="text_axis",
        format_func=lambda a: {"tfidf": "TF-IDF", "semantic": "semantic"}[a],
        bind="query-params",
    )
    assert summary.charts is not None
    points = summary.charts.points(axis, vector)
    if points.empty:
        st.info("There is no pair of different texts with such a distance.")
        return
    against = summary.against_texts(vector, axis)
    texts = distances.texts(found)
    chart = charts.against_texts(points, against, TEXT_AXES[axis], texts)
    event = chart_widget.show_selectable(chart, f"texts-{found.record.id}")
    fitted = f"TF-IDF is fitted on {escaped(summary.tfidf_corpus)}." if axis == "tfidf" else MINILM
    some = len(points) < sum(against.text_pairs.values())
    said = [
        fitted,
        "A point is a pair of texts, its height the mean over their solutions.",
        "Points are drawn at random from all; means are over all." if some else "",
        f"Binned means only where both kinds have at least {LEAST} text pairs.",
        BARS if any(None not in mean.low for mean in against.bins) else "",
    ]
    st.caption(" ".join(sentence for sentence in said if sentence))
    if not against.bins:
        st.caption("There is no such place here, so there are no binned means.")
    for a, b in event[:5]:
        with st.container(border=True):
            st.text(texts[a])
            st.text(texts[b])
    if not event:
        st.caption("Choose points to read their two texts.")
