"""Throughput (E5): one forward pass that gives N tokens against generation token by token."""

import pandas as pd

from explorer.base.formatting import counted, speed
from explorer.base.language import later, tr
from explorer.experiments.definition import Experiment, of_lengths
from explorer.experiments.runs import Cell, Run
from explorer.experiments.verdicts import Finding
from explorer.specs.experiments import ThroughputSettings

ONE_FORWARD, AUTOREGRESSIVE = "one forward", "autoregressive"
"""The two sides, as rows name them."""

PAPER_TOKENS_PER_SECOND = {AUTOREGRESSIVE: (20, 140), ONE_FORWARD: (5_000, 25_000)}
"""What the paper's figure shows, on its own GPUs."""

PAPER_RATIO = 279
"""The paper's ratio: "on average" in one place, "up to" in another (I1)."""


def cells(settings: ThroughputSettings) -> list[Cell]:
    """Return one cell for each length; both sides and all repeats are its rows."""
    return [
        Cell(key=f"n-{n}", title=tr("Timing N = {n}", n=n), at={"n": n}) for n in settings.lengths
    ]


def protocol(settings: ThroughputSettings) -> str:
    """Say what was done."""
    return tr(
        "seconds of one forward pass that gives N token ids and of greedy generation of N tokens "
        "with a KV cache after the BOS token, N = {lengths}, one text at a time, after a "
        "warm-up, the median of {timings} of each",
        lengths=of_lengths(settings.lengths),
        timings=counted(settings.repeats, "timing"),
    )


def summary(run: Run) -> pd.DataFrame:
    """Return medians over repeats for each length.

    Columns: n, one_forward_seconds, autoregressive_seconds, one_forward_tokens_per_second,
    autoregressive_tokens_per_second, ratio (of the medians, how many times as fast), repeats.
    """
    table = run.table
    medians = table.pivot_table(index="n", columns="side", values="seconds", aggfunc="median")
    one, many = medians[ONE_FORWARD], medians[AUTOREGRESSIVE]
    n = medians.index.to_numpy()
    return pd.DataFrame(
        {
            "n": n,
            "one_forward_seconds": one.to_numpy(),
            "autoregressive_seconds": many.to_numpy(),
            "one_forward_tokens_per_second": n / one.to_numpy(),
            "autoregressive_tokens_per_second": n / many.to_numpy(),
            "ratio": (many / one).to_numpy(),
            "repeats": table.groupby("n")["repeat"].nunique().to_numpy(),
        }
    )


def ratios(run: Run) -> pd.DataFrame:
    """Return both readings of the paper's "279×" (I1): reading, ratio, n, paper.

    The mean over lengths depends on which lengths were chosen; the largest belongs to one N.
    """
    found = summary(run)
    top = found.iloc[int(found["ratio"].to_numpy().argmax())]
    return pd.DataFrame(
        {
            "reading": [tr("on average (mean over N)"), tr("up to (the largest)")],
            "ratio": [float(found["ratio"].mean()), float(top["ratio"])],
            "n": [
                tr("{first} to {last}", first=found["n"].min(), last=found["n"].max()),
                str(int(top["n"])),
            ],
            "paper": [PAPER_RATIO, PAPER_RATIO],
        }
    )


def tables(run: Run) -> dict[str, pd.DataFrame]:
    """Return everything the run adds up to."""
    return {
        later("Throughput over N"): summary(run),
        later("Both readings of 279"): ratios(run),
    }


def findings(run: Run) -> list[Finding]:
    """Return what the run says of I1: it gives both numbers and decides for neither."""
    found, readings = summary(run), ratios(run)
    mean, top = readings["ratio"]
    over, at = readings["n"]
    one, many = (
        found[f"{side}_tokens_per_second"].agg(["min", "max"])
        for side in ("one_forward", "autoregressive")
    )
    said = tr(
        "Here one forward pass is {mean} on average over N = {over}, and {top} at best, at N = "
        "{at}: {slowest} to {slow} tokens/s token by token and {fast} to {fastest} in one pass.",
        mean=speed(mean),
        over=over,
        top=speed(top),
        at=at,
        slowest=f"{many['min']:,.0f}",
        slow=f"{many['max']:,.0f}",
        fast=f"{one['min']:,.0f}",
        fastest=f"{one['max']:,.0f}",
    )
    return [Finding("I1", None if len(found) < 2 else f"{mean:.1f}" != f"{top:.1f}", said)]


EXPERIMENT = Experiment(
    name="throughput",
    title=later("Throughput"),
    question=later(
        "How much faster is a text output in one forward pass than token by token? Both ways are "
        "timed on this machine, for increasing N."
    ),
    checklist=("E5", "I1"),
    settings=ThroughputSettings,
    minutes={"lengths": (8, 16, 32, 64), "repeats": 3},
    evening={},
    paper={"lengths": (8, 16, 32, 64, 128, 256, 512, 1024), "repeats": 10},
    cells=cells,
    protocol=protocol,
    tables=tables,
    findings=findings,
)
