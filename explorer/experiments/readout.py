"""Read-out (E12): what a model goes on to write after the proto-tokens of a text.

What counts (`rules.RULES`), by context and of those whose first half came out exactly: what the
model writes after the context is nearer to the true continuation than what it writes after e, m or
both, with BOS and without. Whether it is gibberish, only its reader can tell. Six contexts are the
fewest that decide; how many decide at the spread seen stands in the verdict (`verdicts.deciding`):
of the first five, the widest of six spreads asked for 18.
"""

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from explorer.base.formatting import counted
from explorer.base.language import later, tr
from explorer.experiments import paper
from explorer.experiments.aggregate import deviation
from explorer.experiments.definition import Experiment, best_of, in_words
from explorer.experiments.runs import Cell, Run
from explorer.experiments.verdicts import Finding, judged, p_value, part
from explorer.specs.experiments import ReadoutSettings

CONTEXT = "context"
"""The start that is no proto-token: the context's own tokens."""
STARTS = ("e", "m", "e, m", CONTEXT)
LIKE = {
    "similarity_to_context": later("context"),
    "similarity_to_first_half": later("first half"),
    "similarity_to_continuation": later("second half"),
}
"""Columns of similarities, and what a generated text is compared with in each."""


def label(start: str, bos: bool) -> str:
    """Return how a start is written: what the model is fed before it writes."""
    if start == CONTEXT:
        return tr("the context")
    return f"[BOS, {start}]" if bos else f"[{start}]"


def cells(settings: ReadoutSettings) -> list[Cell]:
    """Return one cell for each context; its restarts and all its starts are measured together."""
    count = settings.contexts
    return [
        Cell(
            key=f"context-{k}",
            title=tr("Context {number} of {count}", number=k + 1, count=count),
            at={"context": k},
        )
        for k in range(count)
    ]


def protocol(settings: ReadoutSettings) -> str:
    """Say what was done."""
    return tr(
        "{contexts} of {read} tokens each ({source}), one sampled continuation of {both} tokens "
        "for each, e and m trained on its first {half} ({best}), then {half} tokens written "
        "greedily from each start",
        contexts=counted(settings.contexts, "context"),
        read=settings.context_length,
        source=in_words(settings.source),
        both=2 * settings.length,
        half=settings.length,
        best=best_of(settings.restarts),
    )


def summary(run: Run) -> pd.DataFrame:
    """Return the similarities over contexts.

    Columns: start, bos, fed (the start in words), compared_with, mean and sd (cosine of sentence
    embeddings, over contexts), contexts (how many).
    """
    table, rows = run.table, []
    for start in STARTS:
        for bos in (False, True):
            part = table[(table["start"] == start) & (table["bos"] == bos)]
            for column, words in LIKE.items():
                values = part[column].to_numpy(dtype=np.float64)
                if len(values):
                    rows.append(
                        {
                            "start": start,
                            "bos": bos,
                            "fed": label(start, bos),
                            "compared_with": words,
                            "mean": float(values.mean()),
                            "sd": deviation(values),
                            "contexts": len(values),
                        }
                    )
    return pd.DataFrame(rows)


def side_by_side(run: Run) -> pd.DataFrame:
    """Return one line a context: what it is, what followed, and what each start led to."""
    rows = []
    for cell in run.done:
        first = cell.rows[0]
        line = {
            "context": first["context"] + 1,
            "accuracy": first["accuracy"],
            "context's text": first["context_text"],
            "first half (trained)": first["first_half"],
            "second half": first["second_half"],
        }
        rows.append(
            line
            | {tr("from {start}", start=label(r["start"], r["bos"])): r["text"] for r in cell.rows}
        )
    return pd.DataFrame(rows).sort_values("context", ignore_index=True)


def tables(run: Run) -> dict[str, pd.DataFrame]:
    """Return everything the run adds up to."""
    return {
        later("Similarity by start"): summary(run),
        later("Texts side by side"): side_by_side(run),
    }


def findings(run: Run) -> list[Finding]:
    """Return what the run says of E12, from the contexts whose first half came out exactly."""
    exact = run.table[run.table["exact"].astype(bool)]
    if exact.empty:
        return [Finding("E12", None, tr("No first half was reconstructed exactly."))]
    table = exact.pivot_table(
        index="context", columns=["start", "bos"], values="similarity_to_continuation"
    ).dropna()
    near = {
        (start, bos): table[start, bos].to_numpy()
        for start in STARTS
        for bos in (False, True)
        if (start, bos) in table
    }
    reference = near.pop((CONTEXT, False), None)
    if reference is None or not near or not len(reference):
        needs = tr("Needs texts written after the proto-tokens and after the context.")
        return [Finding("E12", None, needs)]
    tested = {fed: part(reference - values) for fed, values in near.items()}
    each = ", ".join(
        f"{label(*fed)} {values.mean():.2f} (p = {p_value(tested[fed].favours)})"
        for fed, values in near.items()
    )
    figure = tr(
        "Mean similarity to the continuation, {contexts} with an exact first half: {own} after the "
        "context itself; {each}. Judge from the texts whether it is gibberish.",
        contexts=counted(len(reference), "context"),
        own=f"{reference.mean():.2f}",
        each=each,
    )
    if not exact["bos"].any():
        figure += " " + tr("This model has no BOS token, so none stood before.")
    found = judged("E12", list(tested.values()), figure)
    if found.needed is None:
        return [found]
    drawn = math.ceil(found.needed * run.table["context"].nunique() / len(reference))
    return [replace(found, needed=drawn)]  # so many give as many as decide


EXPERIMENT = Experiment(
    name="readout",
    title=later("Read-out"),
    question=later(
        "Do e and m carry a meaning that the model can build on? They are trained on the first "
        "half of a continuation; then the model writes freely after them, and after the context."
    ),
    checklist=("E12",),
    settings=ReadoutSettings,
    minutes={"contexts": 2, "length": 8, "context_length": 32},
    evening={"contexts": 24},
    paper=paper.settings("readout"),
    cells=cells,
    protocol=protocol,
    tables=tables,
    findings=findings,
)
