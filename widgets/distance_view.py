"""The distances of a set on the page: numbers, histograms, and against text distances."""

import pandas as pd
import streamlit as st

from explorer.base.language import later, retold, tr
from explorer.figures import distances as charts
from explorer.geometry import distance_report, distances
from explorer.geometry.binned import LEAST
from explorer.geometry.distance_report import DistanceSummary
from explorer.geometry.distances import Vector
from explorer.geometry.effects import Comparison
from explorer.solutions.sets import SolutionSet
from widgets import charts as chart_widget
from widgets import words
from widgets.cached import Newest
from widgets.choice import one_of
from widgets.markdown import escaped

METRICS = {"cosine": later("cosine"), "l2": "L2"}
AXES = {"tfidf": "TF-IDF", "semantic": later("semantic")}


def read(found: SolutionSet) -> DistanceSummary | None:
    """Return what is measured of a set, read once for each version; None: nothing yet."""
    measured = map(_read, distance_report.files(found.record))
    return next((summary for summary in measured if summary is not None), None)


_read = Newest(distance_report.read, 16)


def histograms(summary: DistanceSummary, vector: str) -> None:
    """Show the histogram of one vector with its statistics."""
    metric = one_of(tr("Distance"), METRICS, key="metric", bind="query-params")
    measured = summary.of(vector, metric)
    assert measured is not None
    chart_widget.show(charts.histogram(summary.histogram(measured), measured), "distances")
    st.write(escaped(distance_report.order_in_words(measured)))
    if measured.comparisons:
        st.dataframe(
            pd.DataFrame([_row(c) for c in measured.comparisons]),
            hide_index=True,
            key="comparisons",
            alt=tr("Table of effect sizes with intervals and permutation tests"),
        )
    intervals = any(c.low is not None for c in measured.comparisons)
    said = [
        tr(
            "AUC: the chance that a pair of the first kind is closer than one of the second (0.5: "
            "no difference). Cliff's δ = 2·AUC − 1."
        ),
        tr("Intervals: 95%, from {count} resamples of the contexts.", count=summary.resamples)
        if intervals
        else "",
        tr(
            "p: one-sided, from {count} permutations of the labels, never of pairs.",
            count=summary.permutations,
        ),
    ]
    st.caption(" ".join(sentence for sentence in said if sentence))


def _row(c: Comparison) -> dict[str, object]:
    return {
        tr("closer"): tr(c.near),
        tr("than"): tr(c.far),
        "AUC": round(c.auc, 4),
        tr("95% interval"): "–" if c.low is None else f"{c.low:.3f} – {c.high:.3f}",
        "Cliff's δ": round(c.cliffs_delta, 4),
        "p": c.p,
        tr("permuted"): tr(c.shuffled),
    }


def numbers(summary: DistanceSummary, vector: str) -> None:
    """Show how many solutions, contexts and pairs there are, and median cosine distances."""
    measured = summary.of(vector, "cosine")
    medians = measured.medians if measured is not None else {}
    with st.container(horizontal=True):
        words.metric(tr("Solutions"), summary.solutions)
        words.metric(tr("Contexts"), summary.contexts)
        words.metric(tr("Texts"), summary.texts)
        for kind, count in summary.counts.items():
            middle = tr("no pair") if not count else None
            if kind in medians:
                middle = tr("median cosine distance {value}", value=f"{medians[kind]:.3f}")
            name = tr("Pairs, {kind}", kind=tr(kind))
            words.metric(name, f"{count:,}", middle, spread=True)


def against_texts(summary: DistanceSummary, found: SolutionSet, vector: Vector) -> None:
    """Draw proto-token distance against text distance; show the two texts of chosen points."""
    axis = one_of(tr("Text distance"), AXES, key="text_axis", bind="query-params")
    assert summary.charts is not None
    points = summary.charts.points(axis, vector)
    if points.empty:
        st.info(tr("No pair of different texts has such a distance."))
        return
    against = summary.against_texts(vector, axis)
    texts = distances.texts(found)
    chart = charts.against_texts(points, against, texts)
    event = chart_widget.show_selectable(chart, f"texts-{found.record.id}")
    some = len(points) < sum(against.text_pairs.values())
    said = [
        tr("TF-IDF is fitted on {corpus}.", corpus=escaped(retold(summary.tfidf_corpus)))
        if axis == "tfidf"
        else tr("Semantic distances come from all-MiniLM-L6-v2, offline."),
        tr("A point is a pair of texts; its height is the mean over their solutions."),
        tr("The points are a random choice of all pairs; the means are over all.") if some else "",
        tr(
            "Binned means are drawn only where both kinds have {count} text pairs or more.",
            count=LEAST,
        ),
        tr("Bars are 95% intervals over resampled contexts.")
        if any(None not in mean.low for mean in against.bins)
        else "",
        "" if against.bins else tr("That is nowhere the case here, so there are none."),
    ]
    st.caption(" ".join(sentence for sentence in said if sentence))
    for a, b in event[:5]:
        with st.container(border=True):
            st.text(texts[a])
            st.text(texts[b])
    if not event:
        st.caption(tr("Click a point to read its two texts."))
