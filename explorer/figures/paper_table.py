"""Charts that set the published numbers beside ours (E1, E3). A missing cell stays empty."""

from itertools import product
from typing import Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from explorer.base.language import later, tr
from explorer.experiments import paper
from explorer.figures.chart import Chart, layout, log_axis
from explorer.figures.palette import RESTARTS, SYMBOLS
from explorer.figures.words import AT_LEAST, for_hover
from explorer.specs.arrangements import ARRANGEMENTS

Value = Literal["c_tokens", "h_lm"]
UNITS: dict[Value, str] = {
    "c_tokens": later("C_tokens, best of the texts"),
    "h_lm": later("H_LM, nats, mean ± sd over texts"),
}
TITLES: dict[Value, str] = {
    "c_tokens": later("How many tokens models hold (C_tokens)"),
    "h_lm": later("How much information models hold (H_LM)"),
}
SOURCE_WORDS = {
    "random": later("Random words"),
    "fanfics": later("Fan fiction"),
    "pg19": "PG-19",
    "pg19-gen": later("PG-19 (generated)"),
}
WHOSE = (later("published"), later("here"))
LABELS = {model.key: model.label for model in paper.PAPER_MODELS}


def capacity_comparison(value: Value, *, m_shared: bool, ours: pd.DataFrame | None = None) -> Chart:
    """Draw Table 3 by model and source, published (hollow) and ours (filled), as dots with sd.

    Args:
        value: which of the two numbers.
        m_shared: whether m is shared over texts and restarts.
        ours: columns model (a paper model's key, or any other name, drawn to the right), source,
            m_shared, c_tokens, h_lm, h_lm_sd, at_least (the values are lower bounds), as
            `explorer.experiments.ladders.paper_rows` gives them; rows or values that were not run
            are absent or empty.
    """
    theirs = paper.table3()
    theirs = theirs[(theirs["value"] == value) & (theirs["m_shared"] == m_shared)]
    if ours is not None and len(ours):
        ours = ours[ours["m_shared"] == m_shared].rename(columns={value: "mean"})
        ours["sd"] = ours["h_lm_sd"] if value == "h_lm" else None
    columns = ["source", "model", "mean", "sd", "at_least"]
    table = _of_both(theirs.assign(at_least=False), ours, columns)
    models = list(dict.fromkeys([*LABELS, *table["model"]]))
    sources = list(dict.fromkeys([*SOURCE_WORDS, *table["source"]]))
    figure = go.Figure()
    for (number, source), whose in product(enumerate(sources), WHOSE):
        rows, here = _rows(table, "source", source, whose), whose == "here"
        if rows.empty:
            continue
        symbol, colour = SYMBOLS[number % len(SYMBOLS)], RESTARTS[number % len(RESTARTS)]
        shift = 0.16 * (number - (len(sources) - 1) / 2) + (0.06 if here else 0)
        name = f"{for_hover(tr(SOURCE_WORDS.get(source, source)))}, {tr(whose)}"
        figure.add_scatter(
            x=[models.index(model) + shift for model in rows["model"]],
            y=rows["mean"].tolist(),
            error_y=_bars(rows, colour),
            name=name,
            mode="markers+text",
            textposition="middle left",
            cliponaxis=False,
            text=[AT_LEAST if more else "" for more in rows["at_least"]],
            marker={"symbol": symbol if here else f"{symbol}-open", "size": 10, "color": colour},
            customdata=[for_hover(LABELS.get(model, model)) for model in rows["model"]],
            hovertemplate=f"%{{customdata}}, {name}: %{{y}}<extra></extra>",
        )
    shared = tr("m shared by all texts") if m_shared else tr("m not shared")
    unit = tr(UNITS[value])
    layout(
        figure,
        tr("{title}, published and here: {shared}", title=tr(TITLES[value]), shared=shared),
        tr("model; {mark}: no length failed for at least one text", mark=AT_LEAST),
        unit,
        height=420,
    )
    figure.update_xaxes(
        tickvals=list(range(len(models))),
        ticktext=[for_hover(LABELS.get(model, model)) for model in models],
        range=[-0.6, len(models) - 0.4],
    )
    figure.update_yaxes(rangemode="tozero")
    alt = tr(
        "{unit}, by model and source of text, {shared}: {published} published and {here} of ours; "
        "cells that were never run are empty.",
        unit=unit,
        shared=shared,
        published=_count(table, "published"),
        here=_count(table, "here"),
    )
    key = f"paper-table3-{value}-{'shared' if m_shared else 'own'}"
    table["model"] = [LABELS.get(model, model) for model in table["model"]]
    return Chart(key, figure, alt, table)


def arrangement_comparison(ours: pd.DataFrame | None = None) -> Chart:
    """Draw Table 1 over N: published dashed and hollow, ours solid and filled.

    Args:
        ours: columns arrangement, n, mean, sd (token accuracy over texts), as
            `explorer.experiments.paper_comparison.table1` gives them; lengths not run are absent.
    """
    table = _of_both(paper.table1(), ours, ["arrangement", "n", "mean", "sd"])
    table = table.sort_values(["whose", "arrangement", "n"], ignore_index=True)
    figure = go.Figure()
    for (number, arrangement), whose in product(enumerate(ARRANGEMENTS.values()), WHOSE):
        rows, here = _rows(table, "arrangement", arrangement.key, whose), whose == "here"
        if rows.empty:
            continue
        name = f"{arrangement.formula} ({arrangement.checklist_id})"
        figure.add_scatter(
            x=rows["n"].tolist(),
            y=rows["mean"].tolist(),
            error_y=_bars(rows, RESTARTS[number]),
            mode="lines+markers",
            name=f"{name}, {tr(whose)}",
            line={"color": RESTARTS[number], "dash": "solid" if here else "dash"},
            marker={"symbol": SYMBOLS[number] if here else f"{SYMBOLS[number]}-open", "size": 9},
            hovertemplate=f"{name}, {tr(whose)}, N = %{{x}}: %{{y:.2f}}<extra></extra>",
        )
    layout(
        figure,
        tr("Which arrangements can hold long texts? Published and here"),
        tr("N, tokens (log scale)"),
        tr("token accuracy, mean ± sd over texts"),
        height=420,
    )
    figure.update_xaxes(log_axis(sorted(set(table["n"]))))
    figure.update_yaxes(range=[-0.05, 1.1])
    alt = tr(
        "Token accuracy over N for {arrangements} arrangements: {published} values published "
        "(dashed, at N = 1, 2, 4 and 256 only) and {here} of ours (solid); lines between them only "
        "guide the eye.",
        arrangements=table["arrangement"].nunique(),
        published=_count(table, "published"),
        here=_count(table, "here"),
    )
    return Chart("paper-table1", figure, alt, table)


def _of_both(theirs: pd.DataFrame, ours: pd.DataFrame | None, columns: list[str]) -> pd.DataFrame:
    """Return the published rows, then ours, with whose they are."""
    parts = {"published": theirs, "here": ours}
    drawn = (p[columns].assign(whose=who) for who, p in parts.items() if p is not None and len(p))
    return pd.concat([_known(part) for part in drawn], ignore_index=True)


def _known(part: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that hold a number; an undefined spread becomes None."""
    part = part[np.isfinite(pd.to_numeric(part["mean"]))].reset_index(drop=True)
    spread = pd.to_numeric(part["sd"])
    part["mean"] = part["mean"].astype(float)
    part["sd"] = spread.astype(object).where(np.isfinite(spread.astype(float)), None)
    return part


def _rows(table: pd.DataFrame, column: str, value: str, whose: str) -> pd.DataFrame:
    return table[(table[column] == value) & (table["whose"] == whose)]


def _bars(rows: pd.DataFrame, colour: str) -> dict[str, object]:
    """Return error bars of one sd; none where no spread is known."""
    if rows["sd"].isna().all():
        return {"visible": False}
    return {"type": "data", "array": rows["sd"].tolist(), "color": colour, "thickness": 1}


def _count(table: pd.DataFrame, whose: str) -> int:
    return int((table["whose"] == whose).sum())
