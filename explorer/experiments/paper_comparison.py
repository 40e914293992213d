"""The paper's statements beside what runs on this machine show. Free of torch."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from explorer.base.formatting import counted, plus_minus
from explorer.base.language import later, tr
from explorer.experiments import arrangements, ladders, paper, sharing, throughput
from explorer.experiments.catalogue import experiment
from explorer.experiments.definition import PAPER, in_words
from explorer.experiments.paper import Statement
from explorer.experiments.runs import Run
from explorer.experiments.verdicts import Finding
from explorer.specs.arrangements import ARRANGEMENTS

ANSWERS = {
    True: later("shown here"),
    False: later("not shown here"),
    None: later("inconclusive"),
}
NOT_RUN = later("not run here")


@dataclass(frozen=True)
class Evidence:
    """A finding and what it was found with.

    Attributes:
        finding: what is shown, or not.
        model: name, hub id or folder of the model.
        of: the run, set or paths that say so, in words.
    """

    finding: Finding
    model: str
    of: str


def of_runs(runs: Iterable[Run]) -> list[Evidence]:
    """Return what runs of experiments say."""
    return [
        Evidence(
            finding,
            run.settings.model,
            tr("{title} run {id}", title=tr(asked.title), id=run.header.id[:6]),
        )
        for run in runs
        if run.done
        for asked in [experiment(run.settings.experiment)]
        for finding in asked.findings(run)
    ]


def answers(
    evidence: Iterable[Evidence],
    statements: Sequence[Statement] = paper.FINDINGS,
) -> pd.DataFrame:
    """Return what is said of the paper's statements, one row for each that speaks of one.

    Columns: id, paper (the statement), rests on (its evidence there), here (the answer), figure,
    differs (why, where an experiment found it), model, from. A statement of which nothing speaks
    has one row whose answer says so and whose other columns are empty, not guessed. What tested
    nothing has no row where something else on the same model did.

    Args:
        evidence: by runs, sets and paths.
        statements: which.
    """
    by_id: dict[str, list[dict[str, str]]] = {}
    said = list(evidence)

    def speaks(each: Evidence) -> bool:
        return each.finding.tested or each.finding.shown is not None

    spoken_of = {(each.finding.id, each.model) for each in said if speaks(each)}
    for each in said:
        if not speaks(each) and (each.finding.id, each.model) in spoken_of:
            continue
        by_id.setdefault(each.finding.id, []).append(
            {
                "here": tr(ANSWERS[each.finding.shown]),
                "figure": each.finding.figure,
                "differs": each.finding.reason,
                "model": each.model.rpartition("/")[2],
                "from": each.of,
            }
        )
    nothing = [{"here": tr(NOT_RUN), "figure": "", "differs": "", "model": "", "from": ""}]
    rows = [
        {
            "id": statement.id,
            "paper": tr(statement.sentence),
            "rests on": paper.evidence(statement.id),
            **answer,
        }
        for statement in statements
        for answer in by_id.get(statement.id, nothing)
    ]
    return pd.DataFrame(rows)


def table1(run: Run | None) -> pd.DataFrame | None:
    """Return our numbers for Table 1 (E1): arrangement, n, mean, sd; None without a run."""
    if run is None or not run.done:
        return None
    return arrangements.summary(run)[["arrangement", "n", "mean", "sd"]]


def table2(run: Run | None) -> pd.DataFrame:
    """Return Table 2 (E2) with our numbers beside: every S_g that either of them has.

    Columns: shared, S_g, best restart and all restarts (mean ± sd of token accuracy) of the paper
    and of ours, restarts (ours, so far). The best of fewer than two restarts is left empty.
    """
    theirs = {
        (row["shared"], row["s_g"], row["aggregate"]): plus_minus(row["mean"], row["sd"])
        for row in paper.table2().to_dict("records")
    }
    found = sharing.summary(run) if run is not None and run.done else pd.DataFrame()
    mine = {(row["shared"], row["s_g"]): row for row in found.to_dict("records")}
    rows = []
    for shared, size in sorted({(shared, size) for shared, size, _ in theirs} | set(mine)):
        ours = mine.get((shared, size))
        best = ours if ours and ours["restarts"] > 1 else None
        rows.append(
            {
                "shared": shared,
                "S_g": size,
                later("best restart, paper"): theirs.get((shared, size, "max"), ""),
                later("best restart, here"): plus_minus(best["best"], best["best_sd"])
                if best
                else "",
                later("all restarts, paper"): theirs.get((shared, size, "avg"), ""),
                later("all restarts, here"): plus_minus(ours["mean"], ours["sd"]) if ours else "",
                later("restarts here"): str(ours["restarts"]) if ours else "",
            }
        )
    return pd.DataFrame(rows)


TABLE3: dict[str, Callable[[Run], pd.DataFrame]] = {"capacity": ladders.paper_rows}
"""By the experiment's name, how its runs give rows of Table 3 (columns of `table3`)."""


def table3(runs: Iterable[Run]) -> pd.DataFrame | None:
    """Return our numbers for Table 3 (E3), None where no run has any.

    Args:
        runs: of any experiment, the newest first: of a cell that several measured, it counts.

    Returns:
        Columns model, source, m_shared, c_tokens, h_lm, h_lm_sd; only cells that were measured.
    """
    made = [TABLE3[r.settings.experiment](r) for r in runs if r.settings.experiment in TABLE3]
    filled = [rows.dropna(subset=["c_tokens"]) for rows in made if len(rows)]
    filled = [rows for rows in filled if len(rows)]
    if not filled:
        return None
    cells = pd.concat(filled, ignore_index=True)
    return cells.drop_duplicates(["model", "source", "m_shared"], ignore_index=True)


def speed(run: Run | None) -> pd.DataFrame:
    """Return both readings of the paper's 279 and both ways' speeds (E5, I1): what, paper, here."""
    one, many = (
        throughput.PAPER_TOKENS_PER_SECOND[side]
        for side in (throughput.ONE_FORWARD, throughput.AUTOREGRESSIVE)
    )
    table = pd.DataFrame(
        {
            "what": [
                tr("times as fast, mean over N"),
                tr("times as fast, largest"),
                tr("tokens/s in one pass"),
                tr("tokens/s token by token"),
            ],
            "paper": [
                tr("{ratio} (section 4: on average)", ratio=throughput.PAPER_RATIO),
                tr("{ratio} (section 5: up to)", ratio=throughput.PAPER_RATIO),
                tr("{low} to {high} (axis)", low=f"{one[0]:,}", high=f"{one[1]:,}"),
                tr("{low} to {high} (axis)", low=f"{many[0]:,}", high=f"{many[1]:,}"),
            ],
            "here": "",
        }
    )
    if run is None or not run.done:
        return table
    found = throughput.summary(run)
    readings = throughput.ratios(run)
    ways = [
        found[f"{way}_tokens_per_second"].agg(["min", "max"])
        for way in ("one_forward", "autoregressive")
    ]
    table["here"] = [
        *(
            f"{ratio:.1f} (N = {n})"
            for ratio, n in zip(readings["ratio"], readings["n"], strict=True)
        ),
        *(
            tr("{first} to {last}", first=f"{way['min']:,.0f}", last=f"{way['max']:,.0f}")
            for way in ways
        ),
    ]
    return table


def differences(run: Run) -> str:
    """Say in plain words where a run's protocol departs from the paper's own.

    Compared is what the paper itself gives (`paper.PROTOCOLS`); what it leaves open, and only our
    preset `paper` settles, is named as such.
    """
    asked = experiment(run.settings.experiment)
    published = paper.PROTOCOLS.get(asked.name, {})
    ours: dict[str, Any] = dict(run.settings)
    found = [
        tr("{ours}, not {theirs}", ours=_value(name, ours[name]), theirs=_value(name, theirs))
        for name, theirs in published.items()
        if ours[name] != theirs
    ]
    if ours["model"] not in {model.hub for model in paper.PAPER_MODELS}:
        found.insert(0, tr("a model that the paper does not use"))
    evidence = (
        tr("Different from the paper: {differences}.", differences="; ".join(found))
        if found
        else tr("The protocol is the paper's.")
    )
    left_open = [_value(name, ours[name]) for name in asked.presets[PAPER] if name not in published]
    if not left_open:
        return evidence
    chosen = tr("The paper does not give these; here: {settings}.", settings="; ".join(left_open))
    return f"{evidence} {chosen}"


def _value(name: str, value: Any) -> str:
    """Return a setting in words."""
    if name == "recipe":
        title, steps = value.short_title, counted(value.max_steps, "step")
        return tr("recipe “{title}” with at most {steps}", title=title, steps=steps)
    if name == "arrangement":
        return tr("arrangement {id}", id=ARRANGEMENTS[value].checklist_id)
    if name == "source":
        return in_words(value)
    if isinstance(value, tuple):
        words = ", ".join(in_words(str(part)) for part in value)
        return f"{tr(WORDS.get(name, name))} {words}"
    if name == "length":
        return f"N = {value}"
    if name == "context_length":
        return tr("contexts of {tokens}", tokens=counted(value, "token"))
    noun = name.replace("_", " ")
    return counted(value, noun.removesuffix("s"), noun)


WORDS = {
    "lengths": "N =",
    "group_sizes": "S_g =",
    "ladder": later("lengths"),
    "sources": later("sources"),
}
"""How settings with several values are called in a sentence."""
