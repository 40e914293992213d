"""The paper's statements beside what runs on this machine show. Free of torch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from explorer.experiments import arrangements, paper
from explorer.experiments.catalogue import experiment
from explorer.experiments.definition import Finding
from explorer.experiments.paper import Statement
from explorer.experiments.runs import Run

ANSWERS = {True: "shown here", False: "not shown here", None: "cannot be told from our run"}
NOT_RUN = "not run here"


@dataclass(frozen=True)
class Said:
    """A finding and what it was found with.

    Attributes:
        finding: what is shown, or not.
        model: name, hub id or folder of the model.
        of: the run, set or paths that say so, in words.
    """

    finding: Finding
    model: str
    of: str


def of_runs(runs: Iterable[Run]) -> list[Said]:
    """Return what runs of experiments say."""
    return [
        Said(finding, run.settings.model, f"{run.settings.experiment} run {run.header.id[:6]}")
        for run in runs
        for finding in experiment(run.settings.experiment).findings(run)
    ]


def answers(said: Iterable[Said], statements: Sequence[Statement] | None = None) -> pd.DataFrame:
    """Return what is said of the paper's statements, one row for each that speaks of one.

    Columns: id, paper (the statement), here (the answer), figure, model, of. A statement of which
    nothing speaks has one row whose answer says so and whose other columns are empty, not guessed.

    Args:
        said: by runs, sets and paths.
        statements: which; F1 to F10 if not given.
    """
    by_id: dict[str, list[dict[str, str]]] = {}
    for each in said:
        by_id.setdefault(each.finding.id, []).append(
            {
                "here": ANSWERS[each.finding.shown],
                "figure": each.finding.figure,
                "model": each.model.rpartition("/")[2],
                "of": each.of,
            }
        )
    nothing = [{"here": NOT_RUN, "figure": "", "model": "", "of": ""}]
    return pd.DataFrame(
        [
            {"id": statement.id, "paper": statement.sentence, **answer}
            for statement in (paper.findings() if statements is None else statements)
            for answer in by_id.get(statement.id, nothing)
        ]
    )


def table1(run: Run | None) -> pd.DataFrame | None:
    """Return our numbers for Table 1 (E1): arrangement, n, mean, sd; None without a run."""
    if run is None or not run.done:
        return None
    return arrangements.summary(run)[["arrangement", "n", "mean", "sd"]]
