"""What many measured cells add up to: Tables 1 to 3 and the throughput ratio, as the paper does it.

Pure functions from data frames with plain columns to data frames. Spread is the standard deviation
over what is named, with n (not n − 1) below; the paper does not say which it used. One value alone
has none (NaN). A cell that was never run is a missing row and stays missing: nothing is filled in.
A NaN, an accuracy outside 0 to 1 and a cell given twice are bad input.
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from explorer.base.errors import BadInputError
from explorer.specs.recipes import THRESHOLD


def over_texts(cells: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return Table 1's numbers (E1): mean and sd of accuracy over texts.

    Several restarts of a text count as their best, as in Table 2's `max`.

    Args:
        cells: columns text, accuracy, those of `by`, and restart if there are several.
        by: what tells the table's cells apart, such as arrangement and n.

    Returns:
        Columns of `by`, mean, sd, texts (how many).

    Raises:
        BadInputError: a column is missing, or a number is not a number.
    """
    best = _best_restart(cells, by)
    return _mean_sd(best, by).rename(columns={"count": "texts"})


def longest_prefixes(cells: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return the longest reconstructed prefix of every text (Table 3 before it is aggregated; E3).

    A length counts when the best of its restarts reaches token accuracy 0.99 (Q3). The longest
    such length counts even where a shorter one failed: the paper reports the maximum, and a
    failure below it is one of the search; `gap` says that this happened. A length that was not
    tried is neither success nor failure. A ladder stopped at its first failure therefore gives a
    lower bound of what the whole ladder would give; where even `failed_above` is False, the ladder
    ended before any failure.

    Args:
        cells: columns text, n, accuracy, h_lm (nats, of that prefix), those of `by`, and restart if
            there are several. The lengths are those of any ladder.
        by: what tells the table's cells apart, such as model, source and m_shared.

    Returns:
        Columns of `by`, text, c_tokens, h_lm, gap, failed_above. A text of which no length was
        reconstructed was tried and failed: it has c_tokens 0 and h_lm 0 and counts in the mean.

    Raises:
        BadInputError: a column is missing, or a number is not a number.
    """
    best = _best_restart(cells, [*by, "n"], extra=["h_lm"])
    best["ok"] = best["accuracy"] >= THRESHOLD
    keys = [*by, "text"]
    rows = []
    for key, ladder in best.groupby(keys, sort=False):
        won = ladder[ladder["ok"]]
        failed = ladder[~ladder["ok"]]["n"]
        top = won.sort_values("n").iloc[-1] if len(won) else None
        c_tokens = int(top["n"]) if top is not None else 0
        h_lm = float(top["h_lm"]) if top is not None else 0.0
        rows.append(
            (*key, c_tokens, h_lm, bool((failed < c_tokens).any()), bool((failed > c_tokens).any()))
        )
    return pd.DataFrame(rows, columns=[*keys, "c_tokens", "h_lm", "gap", "failed_above"])


def capacities(prefixes: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return Table 3's numbers (E3): the best C_tokens over texts, mean and sd of H_LM over texts.

    Args:
        prefixes: of `longest_prefixes`; its rows are the per-text values to show beside.
        by: as there.

    Returns:
        Columns of `by`, c_tokens, h_lm, h_lm_sd (nats), texts.
    """
    _check(prefixes, [*by, "text", "c_tokens", "h_lm"], [*by, "text"])
    groups = prefixes.groupby(list(by), sort=False)
    table = pd.DataFrame(
        {
            "c_tokens": groups["c_tokens"].max(),
            "h_lm": groups["h_lm"].mean(),
            "h_lm_sd": groups["h_lm"].agg(deviation),
            "texts": groups["text"].count(),
        }
    )
    return table.reset_index()


def deviation(values: ArrayLike) -> float:
    """Return the standard deviation of two or more values; NaN of fewer."""
    found = np.asarray(values, dtype=np.float64)
    return float(found.std()) if len(found) > 1 else math.nan


def _best_restart(
    cells: pd.DataFrame, by: Sequence[str], extra: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the row of the best restart of every text; a tie goes to the first."""
    keys = [*by, "text"]
    unique = [*keys, "restart"] if "restart" in cells else keys
    _check(cells, [*keys, "accuracy", *extra], unique, accuracy=True)
    cells = cells.reset_index(drop=True)
    return cells.loc[cells.groupby(keys, sort=False)["accuracy"].idxmax()].copy()


def _mean_sd(cells: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    groups = cells.groupby(list(by), sort=False)["accuracy"]
    table = pd.DataFrame(
        {"mean": groups.mean(), "sd": groups.agg(deviation), "count": groups.count()}
    )
    return table.reset_index()


def _check(
    cells: pd.DataFrame, needed: Sequence[str], unique: Sequence[str], *, accuracy: bool = False
) -> None:
    missing = [name for name in dict.fromkeys(needed) if name not in cells]
    if missing:
        raise BadInputError(f"The measurements lack {', '.join(missing)}.")
    if cells[list(dict.fromkeys(needed))].isna().any(axis=None):
        raise BadInputError("A measurement holds no number; leave out cells that were not run.")
    if cells.duplicated(list(dict.fromkeys(unique))).any():
        raise BadInputError(f"Two measurements have the same {', '.join(dict.fromkeys(unique))}.")
    if accuracy and not cells["accuracy"].between(0, 1).all():
        raise BadInputError("An accuracy lies between 0 and 1.")
