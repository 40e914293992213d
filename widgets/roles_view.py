"""What e and m of a set carry, on a page: the verdict, probes, swaps, noise, sharing."""

import pandas as pd
import streamlit as st

from explorer.base.formatting import counted
from explorer.base.language import later, retold, tr
from explorer.experiments.paper_comparison import ANSWERS
from explorer.experiments.rules import Rule
from explorer.figures import roles as charts
from explorer.geometry import roles
from explorer.geometry.roles import CLAIM, TARGETS, OverContexts, RolesReport
from explorer.solutions.sets import SetRecord, SolutionSet
from explorer.specs.jobs import RolesSpec
from widgets import cached, jobs, sets
from widgets import charts as chart_widget
from widgets.choice import one_of
from widgets.findings import MARKS
from widgets.markdown import escaped

_read = cached.Newest(roles.REPORTS.read, 16)
RULE = Rule(
    "context",
    later(
        "For held-out texts, the sentence embedding is read correctly more often from m than from "
        "e."
    ),
)
PROBES = later(
    "A linear map (ridge regression) learns to predict a property of a text from its vector. It is "
    "trained on the texts of some contexts and tested on those of the others. A text counts as "
    "read correctly when the prediction is closer to it than to another held-out text. Which "
    "context a text continues is tested on held-out texts instead, since a held-out context has no "
    "name that could be predicted. p: permutations of texts within contexts, and of contexts."
)
STATES = later(
    "At positions of m, the hidden states have already seen e, so only layer 0 compares e with m."
)
NAMES: dict[str, str] = {
    "meaning": later("meaning"),
    "context": later("context"),
    "source": later("source"),
    "length": later("length"),
    "first token": later("first token"),
    "last token": later("last token"),
}
"""What can be read from a vector, in a word or two."""


def show(found: SolutionSet) -> None:
    """Show what a set's e and m carry, or offer to measure it."""
    made = _of(found.record)
    if made is None:
        st.write(tr("What e and m of this set carry has not been measured yet."))
        jobs.offer(RolesSpec(set=found.record.id), tr("Measure"), "measure-roles")
        return
    for note in made.notes:
        st.info(escaped(retold(note)), icon=":material/info:")
    icon, color = MARKS[made.shown]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(tr(ANSWERS[made.shown]).capitalize(), icon=icon, color=color)
        st.markdown(tr(CLAIM), help=f"{RULE.question} {RULE.answers}")
    st.write(escaped(made.sentence))
    left, right = st.columns(2, gap="large")
    with left:
        chart_widget.show(cached.once(charts.probes, made), f"roles-{made.set}")
        st.caption(
            tr(
                "Bars: 95% intervals, from drawing {contexts} anew.",
                contexts=counted(len(made.contexts), "context"),
            ),
            help=tr(PROBES),
        )
        _swaps(made)
    with right:
        chart_widget.show(cached.once(charts.noise, made), f"roles-{made.set}")
        st.write(escaped(made.stands))
        _sharing(made)
    chosen = one_of(
        tr("Read from hidden states"),
        {target: NAMES[target] for target in TARGETS if made.probe("e", target)},
        "meaning",
        key="roles-target",
        bind="query-params",
    )
    chart_widget.show(cached.once(charts.by_layer, made, chosen), f"roles-{made.set}")
    said = tr(TARGETS[chosen])
    st.caption(f"{said[0].upper()}{said[1:]}. {tr(STATES)}")


def _of(record: SetRecord) -> RolesReport | None:
    read = (_read(file) for file in roles.REPORTS.files(record))
    return next((each for each in read if each is not None), None)


def _swaps(made: RolesReport) -> None:
    if not made.swaps:
        return
    st.markdown(tr("**e of one solution with m of another**"))
    st.dataframe(
        pd.DataFrame(
            [
                {
                    tr("the two have"): tr(s.kind),
                    tr("pairs"): s.pairs,
                    tr("correct for e's text"): _share(s.of_e),
                    tr("correct for m's text"): _share(s.of_m),
                }
                for s in made.swaps
            ]
        ),
        hide_index=True,
        key="roles-swaps",
        alt=tr("Table of correct tokens after e or m was swapped with another solution's"),
    )


def _sharing(made: RolesReport) -> None:
    """Compare with the set that differs in how m is made."""
    others = [
        other
        for record in sets.known().values()
        if record.id != made.set and (other := _of(record)) is not None
    ]
    other = roles.partner(made, others)
    if other is None:
        return
    shared, free = (made, other) if made.regime == "shared" else (other, made)
    st.markdown(
        tr(
            "**What sharing m changes in e** (set {shared} minus set {free})",
            shared=shared.set[:6],
            free=free.set[:6],
        )
    )
    st.dataframe(
        pd.DataFrame(
            [
                {"e": tr("doublings of noise that it stands") if name == "noise"
                 else tr("{target} read correctly", target=tr(NAMES[name])),
                 tr("shared minus free"): f"{d.value:+.2f}", "95%": _interval(d, "+.2f"),
                 tr("p more"): round(d.more, 3), tr("p less"): round(d.less, 3)}
                for name, d in roles.sharing(shared, free).items()
            ]
        ),
        hide_index=True, key="roles-sharing",
        alt=tr("Table of what is read from e where m is shared, minus the same where it is free"),
    )  # fmt: skip


def _share(of: OverContexts) -> str:
    return f"{of.value:.0%} {_interval(of, '.0%')}"


def _interval(of: OverContexts, how: str) -> str:
    if of.low is None:
        return ""
    return tr("({low} to {high})", low=format(of.low, how), high=format(of.high, how))
