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
from explorer.base.language import tr
from explorer.specs.recipes import THRESHOLD


def longest_prefixes(cells: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return the longest reconstructed prefix of every text (Table 3 before it is aggregated; E3).

    A length counts when the best of its restarts reaches token accuracy 0.99 (Q3). The longest
    such length counts even where a shorter one failed: the paper reports the maximum, and a
    failure below it is one of the search; `gap` says that this happened. A length that was not
    tried is neither success nor failure. A ladder stopped at its first failure therefore gives a
    lower bound of what the whole ladder would give.

    Args:
        cells: columns text, n, accuracy, h_lm (nats, of that prefix), those of `by`, and restart if
            there are several. The lengths are those of any ladder.
        by: what tells the table's cells apart, such as model, source and m_shared.

    Returns:
        Columns of `by`, text, c_tokens, h_lm, gap. A text of which no length was
        reconstructed was tried and failed: it has c_tokens 0 and h_lm 0 and counts in the mean.

    Raises:
        BadInputError: a column is missing, or a number is not a number.
    """
    best = best_restart(cells, [*by, "n"], extra=["h_lm"])
    keys, rows = [*by, "text"], []
    for key, ladder in best.groupby(keys, sort=False):
        held = ladder["accuracy"] >= THRESHOLD
        top = ladder[held].sort_values("n")[["n", "h_lm"]]
        c_tokens, h_lm = top.iloc[-1] if len(top) else (0, 0.0)
        gap = bool((ladder.loc[~held, "n"] < c_tokens).any())
        rows.append((*key, int(c_tokens), float(h_lm), gap))
    return pd.DataFrame(rows, columns=[*keys, "c_tokens", "h_lm", "gap"])


def deviation(values: ArrayLike) -> float:
    """Return the standard deviation of two or more values; NaN of fewer."""
    found = np.asarray(values, dtype=np.float64)
    return float(found.std()) if len(found) > 1 else math.nan


def share_of_starts(cells: pd.DataFrame, reached: float, most: int) -> float:
    """Return the share of starts that reach an accuracy; NaN where that cannot be known.

    A start that was stopped below it, as another one was exact or ahead, might have reached it yet.
    To leave such starts out would leave mostly those that did.

    Args:
        cells: columns accuracy and steps, a row a start.
        reached: the accuracy.
        most: steps that each was allowed.
    """
    over = cells["accuracy"] >= reached
    stopped = ~over & (cells["steps"] < most)
    return math.nan if stopped.any() else float(over.mean())


def best_restart(cells: pd.DataFrame, by: Sequence[str], extra: Sequence[str] = ()) -> pd.DataFrame:
    """Return the row of the best restart of every text; a tie goes to the first.

    Args:
        cells: columns text, accuracy, those of `by` and `extra`, and restart if there are several.
        by: what tells the table's cells apart, such as arrangement and n.
        extra: further columns that must hold numbers.

    Raises:
        BadInputError: a column is missing, or a number is not a number.
    """
    keys = [*by, "text"]
    unique = [*keys, "restart"] if "restart" in cells else keys
    needed = [*keys, "accuracy", *extra]
    if missing := [name for name in needed if name not in cells]:
        raise BadInputError(tr("The measurements lack {columns}.", columns=", ".join(missing)))
    if cells[needed].isna().any(axis=None):
        raise BadInputError(tr("A measurement holds no number; leave out cells that were not run."))
    if cells.duplicated(unique).any():
        raise BadInputError(
            tr("Two measurements have the same {columns}.", columns=", ".join(unique))
        )
    if not cells["accuracy"].between(0, 1).all():
        raise BadInputError(tr("An accuracy must lie between 0 and 1."))
    cells = cells.reset_index(drop=True)
    return cells.loc[cells.groupby(keys, sort=False)["accuracy"].idxmax()].copy()
