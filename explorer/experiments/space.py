"""What solution sets and paths say of the findings on the space of proto-tokens (F8 to F10).

They are no runs of an experiment: a set's distances (E6, E7) and the paths between solutions (E8)
are made by themselves. Free of torch.

What counts (`rules.RULES`): F8, that solutions of one text are nearer than those of one context and
of different ones, by permuted labels; F9, that the interval over resampled contexts, at the same
distance of the texts, lies above 0; F10, by text, that the curve connects more than half of its
pairs and the straight line less than half: six texts are the fewest that decide. How many contexts
or texts decide at the spread seen stands in the verdict (`verdicts.deciding`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from explorer.base.errors import BadInputError
from explorer.base.formatting import counted
from explorer.base.language import later, tr
from explorer.experiments.verdicts import Finding, Part, judged, of_interval, p_value, part
from explorer.geometry.binned import LEAST, Gap
from explorer.geometry.distance_report import DistanceSummary
from explorer.geometry.distances import KINDS, Kind, Vector, between, has_one_m, pairs, stack
from explorer.geometry.effects import LEAST_CONTEXTS, Comparison, compare
from explorer.paths.connection import connection
from explorer.paths.result import Paths
from explorer.solutions.sets import SolutionSet
from explorer.specs.arrangements import ARRANGEMENTS
from explorer.specs.recipes import THRESHOLD

MEASURE_FIRST = later(
    "The set's distances are not measured yet: press Measure on the page Distances."
)

FEW = 200
"""Solutions that are compared at once where no distances are measured yet."""

QUICK_PERMUTATIONS = 99


def of_report(summary: DistanceSummary) -> list[Finding]:
    """Return what the measured distances of a set say of F8 and F9.

    The distance is the cosine of e where m is shared, else of e and m together.
    """
    vector: Vector = "e" if summary.one_m else "both"
    measured = summary.of(vector, "cosine")
    if measured is None:
        return [Finding(name, None, tr(MEASURE_FIRST)) for name in ("F8", "F9")]
    local = _local(vector, measured.medians, summary.counts, measured.comparisons, summary.contexts)
    return [local, _closer(summary, vector)]


def of_vectors(found: SolutionSet) -> list[Finding]:
    """Return what a set says of F8 and F9 before its distances are measured.

    The distances of at most `FEW` solutions are computed here, with a shorter permutation test and
    no intervals. F9 needs distances between texts, which only the worker can compute.
    """
    unknown = Finding("F9", None, tr(MEASURE_FIRST))
    if len(found.solutions) > FEW:
        return [Finding("F8", None, tr(MEASURE_FIRST)), unknown]
    try:
        at = pairs(found)
    except BadInputError as error:
        return [Finding("F8", None, str(error)), Finding("F9", None, str(error))]
    vector: Vector = "e" if has_one_m(found) else "both"
    distances = between(stack(found.solutions, vector), "cosine")[at.first, at.second]
    comparisons = list(compare(at, distances, resamples=0, permutations=QUICK_PERMUTATIONS))
    local = _local(
        vector, at.medians(distances), at.counts, comparisons, len(np.unique(at.contexts))
    )
    if comparisons:
        note = tr(
            "{count} permutations; intervals once its distances are measured.",
            count=QUICK_PERMUTATIONS,
        )
        local = replace(local, figure=f"{local.figure} {note}")
    return [local, unknown]


def of_paths(found: Paths) -> list[Finding]:
    """Return what paths say of F10; nothing before the first pair is measured."""
    at = np.flatnonzero(found.measured)
    if not len(at):
        return []
    if found.header.kind != "bezier":
        kind = found.header.kind
        other = tr("The curve trained here is of another kind, {kind}.", kind=kind)
        return [Finding("F10", None, other)]
    said = connection(found)
    lowest = np.median(found.line.accuracy[at].min(axis=1))
    _, _, median, _, longest = said.ratios
    figure = tr(
        "{pairs} of {texts}, N = {n}, arrangement {arrangement}: the straight line keeps accuracy "
        "{threshold} all along for {lines} ({line_share}), the Bezier curve for {curves} "
        "({curve_share}; 95% interval by text {low} to {high}). Lowest accuracy on a line: "
        "{lowest} (median). The curve is {median} times as long as the line (median), at most "
        "{longest} times (the paper: at most 1.2).",
        pairs=counted(said.pairs, "pair"),
        texts=counted(said.texts, "text"),
        n=len(found.header.texts[0].target_ids),
        arrangement=ARRANGEMENTS[found.header.arrangement].checklist_id,
        threshold=THRESHOLD,
        lines=said.lines,
        line_share=f"{said.lines / said.pairs:.0%}",
        curves=said.connected,
        curve_share=f"{said.share:.0%}",
        low=f"{said.low:.0%}",
        high=f"{said.high:.0%}",
        lowest=f"{lowest:.2f}",
        median=f"{median:.2f}",
        longest=f"{longest:.2f}",
    )
    over = bool((found.over & found.measured)[at].all()) and len(at) == len(found)
    by_text = pd.DataFrame(
        {
            "text": [found.header.solutions[found.header.pairs[k][0]].text for k in at],
            "curve": found.connected[at],
            "line": found.lines_connected[at],
        }
    ).groupby("text")[["curve", "line"]]
    share = by_text.mean()
    if not over:
        figure += " " + tr("Not every curve is trained to its end.")
    parts = [part(share["curve"] - 0.5, at_least=not over), part(0.5 - share["line"])]
    return [judged("F10", parts, figure)]


def _local(
    vector: Vector,
    medians: Mapping[Kind, float],
    counts: Mapping[Kind, int],
    comparisons: Sequence[Comparison],
    contexts: int,
) -> Finding:
    ours = [c for c in comparisons if c.near == KINDS[0]]
    if not ours:
        needs = tr("Needs two solutions of one text, and a second text beside them.")
        return Finding("F8", None, needs)
    middle = ", ".join(
        f"{medians[kind]:.3f} {tr(kind)} ({counted(counts[kind], 'pair')})"
        for kind in KINDS
        if kind in medians
    )
    chances = "; ".join(
        tr(
            "{auc} against {kind}, p = {p}",
            auc=f"{c.auc:.2f}{_interval(c)}",
            kind=tr(c.far),
            p=p_value(c.p),
        )
        for c in ours
    )
    figure = tr(
        "Cosine distance of {vectors}, medians: {medians}. Chance that a same-text pair is the "
        "closer one: {chances}.",
        vectors="e" if vector == "e" else tr("e and m together"),
        medians=middle,
        chances=chances,
    )
    parts = [
        Part(c.p, c.p_reverse or 1.0, contexts, c.auc - 0.5, None, open_to_more=False) for c in ours
    ]
    return judged("F8", parts, figure)


def _interval(c: Comparison) -> str:
    if c.low is None or c.high is None:
        return ""
    ends = tr("{first} to {last}", first=f"{c.low:.2f}", last=f"{c.high:.2f}")
    return f" ({ends})"


def _closer(summary: DistanceSummary, vector: Vector) -> Finding:
    named = {"tfidf": "TF-IDF", "semantic": tr("semantic")}
    measured = {words: summary.against_texts(vector, name).gap for name, words in named.items()}
    gaps = {words: gap for words, gap in measured.items() if gap}
    if not gaps:
        return Finding(
            "F9",
            None,
            tr(
                "Needs {least} text pairs or more of one and of different contexts at the same "
                "distance between the texts; this set has too few.",
                least=LEAST,
            ),
        )
    figure = "; ".join(
        tr(
            "{distance}: at the same distance between the texts, same-context pairs are {apart} in "
            "cosine{ends}, {spreads} ({same} of one context, {different} of different contexts)",
            distance=words,
            apart=_apart(gap.mean),
            ends=_ends(gap),
            spreads=_spreads(gap),
            same=counted(gap.same, "text pair"),
            different=f"{gap.different:,}",
        )
        for words, gap in gaps.items()
    )
    figure = f"{figure[0].upper()}{figure[1:]}."
    parts = [
        of_interval(gap.low, gap.high, gap.mean, summary.contexts)
        for gap in gaps.values()
        if gap.low is not None and gap.high is not None
    ]
    if len(parts) < len(gaps):
        few = tr(
            "Telling this from chance needs an interval, which takes at least {contexts} contexts.",
            contexts=LEAST_CONTEXTS,
        )
        return Finding("F9", None, f"{figure} {few}")
    found = judged("F9", parts, figure)
    missing = next((words for words, gap in measured.items() if not gap), None)
    if missing is None or found.shown is False:
        return found
    half = tr(
        "{distance}: too few text pairs of one and of different contexts are at the same distance "
        "between the texts.",
        distance=missing,
    )
    return Finding("F9", None, f"{found.figure} {half}", tested=True)


def _apart(closer: float) -> str:
    by = f"{abs(closer):.4f}"
    return tr("{by} closer", by=by) if closer > 0 else tr("{by} farther apart", by=by)


def _ends(gap: Gap) -> str:
    if gap.low is None or gap.high is None:
        return ""
    if gap.low > 0:
        ends = tr("{first} to {last}", first=f"{gap.low:.4f}", last=f"{gap.high:.4f}")
    else:
        ends = tr("interval: {low} to {high}", low=_apart(gap.low), high=_apart(gap.high))
    return f" ({ends})"


def _spreads(gap: Gap) -> str:
    if gap.spread <= 0:
        return tr("with no spread within a bin")
    share = f"{abs(gap.mean) / gap.spread:.2f}"
    return tr("{share} of their standard deviation", share=share)
