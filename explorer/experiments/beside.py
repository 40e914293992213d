"""The paper's statements beside what runs on this machine show. Free of torch."""

from collections.abc import Iterable

import pandas as pd

from explorer.experiments import arrangements, paper
from explorer.experiments.catalogue import experiment
from explorer.experiments.runs import Run

ANSWERS = {True: "shown here", False: "not shown here", None: "cannot be told from our run"}
NOT_RUN = "not run here"


def answers(runs: Iterable[Run]) -> pd.DataFrame:
    """Return what runs say of the paper's findings F1 to F10, one row for each run that speaks.

    Columns: id, paper (the finding), here (the answer), figure, model, run. A finding that no run
    speaks of has one row whose answer says so and whose other columns are empty, not guessed.
    """
    said: dict[str, list[dict[str, str]]] = {}
    for run in runs:
        for finding in experiment(run.settings.experiment).findings(run):
            said.setdefault(finding.id, []).append(
                {
                    "here": ANSWERS[finding.shown],
                    "figure": finding.figure,
                    "model": run.settings.model.rpartition("/")[2],
                    "run": run.header.id,
                }
            )
    nothing = [{"here": NOT_RUN, "figure": "", "model": "", "run": ""}]
    return pd.DataFrame(
        [
            {"id": statement.id, "paper": statement.sentence, **answer}
            for statement in paper.findings()
            for answer in said.get(statement.id, nothing)
        ]
    )


def table1(run: Run | None) -> pd.DataFrame | None:
    """Return our numbers for Table 1 (E1): arrangement, n, mean, sd; None without a run."""
    if run is None or not run.done:
        return None
    return arrangements.summary(run)[["arrangement", "n", "mean", "sd"]]
