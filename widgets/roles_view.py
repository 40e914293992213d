"""What e and m of a set carry, on a page: the verdict, probes, swaps, noise, sharing."""

import pandas as pd
import streamlit as st

from explorer.experiments.paper_comparison import ANSWERS
from explorer.experiments.rules import Rule
from explorer.figures import roles as charts
from explorer.geometry import roles
from explorer.geometry.roles import CLAIM, TARGETS, OverContexts, RolesReport, Target
from explorer.solutions.sets import SolutionSet
from explorer.specs.jobs import RolesSpec
from widgets import cached, jobs, sets
from widgets import charts as chart_widget
from widgets.findings import MARKS
from widgets.markdown import escaped

_read = cached.Newest(roles.REPORTS.read, 16)
RULE = Rule(
    "context",
    "The sentence embedding of texts not seen before is read right more often from m than from e.",
)
PROBES = (
    "A linear map (ridge) learns to predict something of a text from its vector, on the texts of "
    "some contexts, and is tested on the texts of others. A text counts as told right when the "
    "prediction lies nearer to it than to another text that was left out with it. The context "
    "itself is predicted for texts left out, since a context that is left out has no name to be "
    "predicted. p: permutations of texts within contexts, and of contexts."
)
STATES = (
    "Where m stands the states have seen e as well. So only at layer 0 does this compare e with m."
)


def show(found: SolutionSet) -> None:
    """Show what a set's e and m carry, or offer to measure it."""
    made = _of(found)
    if made is None:
        st.write("What e and m of this set carry is not measured yet.")
        jobs.offer(RolesSpec(set=found.record.id), "Measure", "measure-roles")
        return
    for note in made.notes:
        st.info(escaped(note), icon=":material/info:")
    icon, color = MARKS[made.shown]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(ANSWERS[made.shown].capitalize(), icon=icon, color=color)
        st.markdown(CLAIM, help=f"{RULE.question} {RULE.answers}")
    st.write(escaped(made.sentence))
    left, right = st.columns(2, gap="large")
    with left:
        chart_widget.show(cached.once(charts.probes, made), f"roles-{made.set}")
        st.caption(
            f"Bars: 95% over contexts drawn anew, {len(made.contexts)} of them.", help=PROBES
        )
        _swaps(made)
    with right:
        chart_widget.show(cached.once(charts.noise, made), f"roles-{made.set}")
        st.write(escaped(made.stands))
        _sharing(made)
    target = st.segmented_control(
        "Read from hidden states",
        [t for t in TARGETS if made.probe("e", t)],
        default="meaning",
        required=True,
        key="roles-target",
        bind="query-params",
    )
    chosen: Target = target or "meaning"
    chart_widget.show(cached.once(charts.by_layer, made, chosen), f"roles-{made.set}")
    st.caption(f"{TARGETS[chosen].capitalize()}. {STATES}")


def _of(found: SolutionSet) -> RolesReport | None:
    read = (_read(file) for file in roles.REPORTS.files(found.record))
    return next((each for each in read if each is not None), None)


def _swaps(made: RolesReport) -> None:
    if not made.swaps:
        return
    st.markdown("**e of one solution with m of another**")
    st.dataframe(
        pd.DataFrame(
            [
                {
                    "the two are of": s.kind,
                    "pairs": s.pairs,
                    "right of e's text": _share(s.of_e),
                    "right of m's text": _share(s.of_m),
                }
                for s in made.swaps
            ]
        ),
        hide_index=True,
        key="roles-swaps",
        alt="Table of tokens right after e or m was swapped with another solution's",
    )


def _sharing(made: RolesReport) -> None:
    """Compare with the set that differs in how m is made."""
    others = [
        other
        for record in sets.known().values()
        if record.id != made.set and (other := _of(sets.read(record.id))) is not None
    ]
    other = roles.partner(made, others)
    if other is None:
        return
    shared, free = (made, other) if made.regime == "shared" else (other, made)
    st.markdown(f"**What sharing m changes in e** (set {shared.set[:6]} minus set {free.set[:6]})")
    st.dataframe(
        pd.DataFrame(
            [
                {"e": "doublings of noise it stands" if name == "noise" else f"{name} read right",
                 "shared minus free": f"{d.value:+.2f}", "95%": _interval(d, "+.2f"),
                 "p more": round(d.more, 3), "p less": round(d.less, 3)}
                for name, d in roles.sharing(shared, free).items()
            ]
        ),
        hide_index=True, key="roles-sharing",
        alt="Table of what is read from e where m is shared, minus the same where it is free",
    )  # fmt: skip


def _share(of: OverContexts) -> str:
    return f"{of.value:.0%} {_interval(of, '.0%')}"


def _interval(of: OverContexts, how: str) -> str:
    return "" if of.low is None else f"({of.low:{how}} to {of.high:{how}})"
