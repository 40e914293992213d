"""The distances of a set on the page: numbers, histograms, and against text distances."""

import pandas as pd
import streamlit as st

from explorer import binned, distance_report
from explorer.distance_report import DistanceReport
from explorer.figures import distances as charts
from explorer.sets.records import SolutionSet
from widgets import charts as chart_widget

METRICS = {"cosine": "cosine", "l2": "L2"}
TEXT_AXES = {
    "tfidf": "TF-IDF cosine distance between texts",
    "semantic": "Semantic distance between texts (MiniLM cosine)",
}


def histograms(report: DistanceReport, vector: str) -> None:
    """The histogram of one vector with its statistics."""
    metric = st.segmented_control(
        "Distance", list(METRICS), default="cosine", required=True, key="metric",
        format_func=METRICS.get, bind="query-params",
    )  # type: ignore[call-overload]  # fmt: skip
    measured = next(
        found
        for found in report.summary.measured
        if (found.vector, found.metric) == (vector, metric)
    )
    chart_widget.show(charts.histogram(report, measured), "distances")
    st.write(distance_report.order_in_words(measured))
    if measured.comparisons:
        st.dataframe(
            pd.DataFrame([_row(c) for c in measured.comparisons]), hide_index=True,
            key="comparisons", alt="Table of effect sizes with intervals and permutation tests",
        )  # fmt: skip
    summary = report.summary
    st.caption(
        f"AUC: the chance that a pair of the first kind is closer than one of the second (0.5: no "
        f"difference); Cliff's δ = 2·AUC − 1. Intervals: 95% over {summary.resamples} resamplings "
        f"of contexts. p: one-sided, {summary.permutations} permutations of labels, never of pairs."
    )


def _row(c: distance_report.Compared) -> dict[str, object]:
    return {
        "closer": c.near,
        "than": c.far,
        "AUC": round(c.auc, 4),
        "95% interval": "–" if c.low is None else f"{c.low:.3f} to {c.high:.3f}",
        "Cliff's δ": round(c.cliffs_delta, 4),
        "p": c.p,
        "permuted": c.shuffled,
    }


def numbers(report: DistanceReport, vector: str) -> None:
    """How many solutions, contexts and pairs, and the medians of the cosine distance."""
    summary = report.summary
    medians = next(
        (f.medians for f in summary.measured if (f.vector, f.metric) == (vector, "cosine")), {}
    )
    with st.container(horizontal=True):
        st.metric("Solutions", summary.solutions)
        st.metric("Contexts", summary.contexts)
        st.metric("Texts", summary.texts)
        for kind, count in summary.counts.items():
            middle = f"median {medians[kind]:.3f}" if kind in medians else "no pair"
            st.metric(f"Pairs, {kind}", count, middle, delta_color="off", delta_arrow="off")


def against_texts(report: DistanceReport, found: SolutionSet, vector: str) -> None:
    """Proto-token distance against text distance; choosing points shows the two texts."""
    axis = st.segmented_control(
        "Text distance", list(TEXT_AXES), default="tfidf", required=True, key="text_axis",
        format_func=lambda a: {"tfidf": "TF-IDF", "semantic": "semantic"}[a],
        bind="query-params",
    )  # fmt: skip
    points = binned.text_pairs(report.pairs, axis, f"cosine_{vector}")
    if points.empty:
        st.info("There is no pair of different texts with such a distance.")
        return
    means = binned.bins(points)
    texts = texts_by_number(report, found)
    chart = charts.against_texts(points, means, TEXT_AXES[axis], vector, texts)  # type: ignore[arg-type]
    event = chart_widget.show_selectable(chart, f"texts-{found.record.id}")
    corpus = report.summary.tfidf_corpus
    st.caption(
        (f"TF-IDF is fitted on {corpus}. " if axis == "tfidf" else "all-MiniLM-L6-v2, offline. ")
        + "A point is a pair of texts, its height the mean over their solutions. Binned means only "
        "where both kinds have at least five text pairs; bars are 95% over resampled contexts."
    )
    if not means:
        st.caption("The two kinds have no common support, so there are no binned means.")
    for a, b in event[:5]:
        with st.container(border=True):
            st.text(texts[a])
            st.text(texts[b])
    if not event:
        st.caption("Choose points to read their two texts.")


def texts_by_number(report: DistanceReport, found: SolutionSet) -> list[str]:
    """Return the texts in the numbering of the report."""
    said = {s.record.id: s.record.text for s in found.solutions}
    number: dict[int, str] = {}
    for side in ("a", "b"):
        first = report.pairs.drop_duplicates(f"text_{side}")
        for n, name in zip(first[f"text_{side}"], first[side], strict=True):
            number[int(n)] = said[name]
    return [number[n] for n in sorted(number)]
