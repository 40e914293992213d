"""Read-out (E12): what a model goes on to write after the proto-tokens of a text."""

import numpy as np
import pandas as pd

from explorer.base.formatting import counted
from explorer.experiments import paper
from explorer.experiments.aggregate import deviation
from explorer.experiments.definition import (
    EVENING,
    MINUTES,
    PAPER,
    Experiment,
    Finding,
    best_of,
    in_words,
)
from explorer.experiments.runs import Cell, Run
from explorer.geometry import effects
from explorer.specs.experiments import ReadoutSettings

CONTEXT = "context"
"""The start that is no proto-token: the context's own tokens."""
STARTS = ("e", "m", "e, m", CONTEXT)
LIKE = {
    "similarity_to_context": "context",
    "similarity_to_first_half": "first half",
    "similarity_to_continuation": "second half",
}
"""Columns of similarities, and what a generated text is compared with in each."""
ALPHA = 0.05
"""A start is less near than the context when sign flips over contexts reach it this rarely."""
TEST = (
    "p is one-sided, from flipping signs of the contexts' differences; shown if it is at most "
    f"{ALPHA} for every start."
)
TOO_FEW = (
    f"A test needs {effects.LEAST_CONTEXTS} contexts: with fewer, flipping signs gives no p below "
    f"{ALPHA}."
)


def label(start: str, bos: bool) -> str:
    """Return how a start is written: what the model is fed before it writes."""
    if start == CONTEXT:
        return "the context"
    return f"[BOS, {start}]" if bos else f"[{start}]"


def cells(settings: ReadoutSettings) -> list[Cell]:
    """Return one cell for each context; its restarts and all its starts are measured together."""
    count = settings.contexts
    return [
        Cell(key=f"context-{k}", title=f"Context {k + 1} of {count}", at={"context": k})
        for k in range(count)
    ]


def protocol(settings: ReadoutSettings) -> str:
    """Say what was done."""
    return (
        f"{settings.contexts} contexts of {settings.context_length} tokens "
        f"({in_words(settings.source)}), each with one sampled continuation of "
        f"{2 * settings.length} tokens, e and m trained on its first {settings.length} "
        f"({best_of(settings.restarts)}), then {settings.length} tokens written greedily from "
        "each start"
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
        rows.append(line | {f"from {label(r['start'], r['bos'])}": r["text"] for r in cell.rows})
    return pd.DataFrame(rows).sort_values("context", ignore_index=True)


def tables(run: Run) -> dict[str, pd.DataFrame]:
    """Return everything the run adds up to."""
    return {"Similarity by start": summary(run), "Texts side by side": side_by_side(run)}


def findings(run: Run) -> list[Finding]:
    """Return what the run says of E12, from the contexts whose first half came out exactly."""
    exact = run.table[run.table["exact"].astype(bool)]
    if exact.empty:
        return [Finding("E12", None, "No first half was reconstructed exactly.")]
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
        return [Finding("E12", None, "Needs texts from the proto-tokens and the context.")]
    few = len(reference) < effects.LEAST_CONTEXTS
    p = {} if few else {fed: effects.sign_flips(reference - v) for fed, v in near.items()}
    each = ", ".join(
        f"{label(*fed)} {values.mean():.2f}" + ("" if few else f" (p = {p[fed]:.3f})")
        for fed, values in near.items()
    )
    shown: bool | None = True if p and max(p.values()) <= ALPHA else None
    if any(values.mean() >= reference.mean() for values in near.values()):
        shown = False
    without = "" if exact["bos"].any() else " This model has no BOS token, so none stood before."
    return [
        Finding(
            "E12",
            shown,
            f"Mean similarity to the continuation, {counted(len(reference), 'context')} with an "
            f"exact first half: {reference.mean():.2f} from the context itself; {each}. "
            f"{TOO_FEW if few else TEST} Whether it is gibberish, the texts show.{without}",
        )
    ]


EXPERIMENT = Experiment(
    name="readout",
    title="Read-out",
    question=(
        "Do e and m carry a meaning that the model can go on from? They are trained on the first "
        "half of a continuation; then the model writes freely after them, and after the context."
    ),
    checklist=("E12",),
    settings=ReadoutSettings,
    presets={
        MINUTES: {"contexts": 2, "length": 8, "context_length": 32},
        EVENING: {},
        PAPER: paper.settings("readout"),
    },
    cells=cells,
    protocol=protocol,
    tables=tables,
    findings=findings,
)
