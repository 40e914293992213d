"""Throughput (E5): one forward pass that says N tokens against generation token by token."""

import pandas as pd

from explorer.base.formatting import speed
from explorer.experiments.definition import EVENING, MINUTES, PAPER, Experiment
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
    return [Cell(key=f"n-{n}", title=f"Timing N = {n}", at={"n": n}) for n in settings.lengths]


def protocol(settings: ThroughputSettings) -> str:
    """Say what was done."""
    return (
        "seconds of one forward pass that gives N token ids and of greedy generation of N tokens "
        f"with a KV cache after the BOS token, N = {settings.lengths[0]} to "
        f"{settings.lengths[-1]}, one text at a time, warm, the median of {settings.repeats} "
        "timings of each"
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
            "reading": ["on average (mean over N)", "up to (the largest)"],
            "ratio": [float(found["ratio"].mean()), float(top["ratio"])],
            "n": [f"{found['n'].min()} to {found['n'].max()}", str(int(top["n"]))],
            "paper": [PAPER_RATIO, PAPER_RATIO],
        }
    )


def tables(run: Run) -> dict[str, pd.DataFrame]:
    """Return everything the run adds up to."""
    return {"Throughput over N": summary(run), "Both readings of 279": ratios(run)}


def findings(run: Run) -> list[Finding]:
    """Return what the run says of I1: it gives both numbers and decides for neither."""
    found, readings = summary(run), ratios(run)
    mean, top = readings["ratio"]
    over, at = readings["n"]
    one, many = (
        found[f"{side}_tokens_per_second"].agg(["min", "max"])
        for side in ("one_forward", "autoregressive")
    )
    said = (
        f"Here one forward pass is {speed(mean)} on average over "
        f"N = {over}, and {speed(top)} at best, at N = {at}: "
        f"{many['min']:,.0f} to {many['max']:,.0f} tokens/s token by token and "
        f"{one['min']:,.0f} to {one['max']:,.0f} in one pass."
    )
    return [Finding("I1", None if len(found) < 2 else f"{mean:.1f}" != f"{top:.1f}", said)]


EXPERIMENT = Experiment(
    name="throughput",
    title="Throughput",
    question=(
        "How much faster is a text said in one forward pass than token by token? Both ways are "
        "timed on this machine, for longer and longer N."
    ),
    checklist=("E5", "I1"),
    settings=ThroughputSettings,
    presets={
        MINUTES: {"lengths": (8, 16, 32, 64), "repeats": 3},
        EVENING: {},
        PAPER: {"lengths": (8, 16, 32, 64, 128, 256, 512, 1024), "repeats": 10},
    },
    cells=cells,
    protocol=protocol,
    tables=tables,
    findings=findings,
)
