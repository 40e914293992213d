"""How far apart solutions are: same text, same context, different contexts (E6, E7)."""

import streamlit as st

from explorer.base.language import retold, tr
from explorer.specs.jobs import DistancesSpec
from widgets import depth_view, distance_view, findings, jobs, sets, start
from widgets.choice import one_of
from widgets.guard import sentences
from widgets.map_set_up import VECTORS
from widgets.markdown import escaped

start.page(tr("Distances"))
with sentences():
    chosen = sets.choose()
    if chosen is not None:
        found = sets.read(chosen)
        summary = distance_view.read(found)
        if summary is None:
            st.write(
                tr(
                    "The distances between this set's solutions, and between its texts, have not "
                    "been measured yet."
                )
            )
            jobs.offer(DistancesSpec(set=chosen), tr("Measure"), "measure")
        else:
            for note in summary.notes:
                st.info(escaped(retold(note)), icon=":material/info:")
            vector = one_of(tr("Proto-token"), VECTORS, key="vector", bind="query-params")
            distance_view.numbers(summary, vector)
            if vector == "m" and summary.one_m:
                st.info(tr("The solutions of this set share one m: its distance is always zero."))
            else:
                left, right = st.columns(2, gap="large")
                with left:
                    distance_view.histograms(summary, vector)
                with right:
                    distance_view.against_texts(summary, found, vector)
            depth_view.show(found)
            findings.show(findings.of_set(found.record))
