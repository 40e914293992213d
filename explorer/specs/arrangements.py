"""Arrangements: how two proto-tokens become an input sequence (checklist A1-A5, paper table 1).

An arrangement says which vector stands at each input position and at which positions the model's
output is read. Everything here is a pure function of the key and the target length N.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from explorer.base.errors import BadInputError

ArrangementKey = Literal["e", "halves", "alternating", "e+mN", "e+mN-1"]
KEYS: tuple[ArrangementKey, ...] = get_args(ArrangementKey)
PAPER_DEFAULT: ArrangementKey = "e+mN-1"
AUTO: Literal["auto"] = "auto"
"""Stands for what suits the model, as long as a probe of its first position has not said it."""
ArrangementChoice = Literal["auto", ArrangementKey]
Layout = Literal["mem", "bos+mem"]
"""What the autoregressive baseline is fed: [mem]×K t1 …, or the same behind a token (E4)."""
LayoutChoice = Literal["auto", Layout]


@dataclass(frozen=True)
class Arrangement:
    """What a person reads about one arrangement.

    Attributes:
        key: the name used in files and on the command line.
        checklist_id: the paper's row, A1 to A5.
        formula: the input sequence, written out.
        sentence: what is special about it.
    """

    key: ArrangementKey
    checklist_id: str
    formula: str
    sentence: str


ARRANGEMENTS: dict[ArrangementKey, Arrangement] = {
    "e": Arrangement(
        "e", "A1", "[e]×N", "One vector, repeated: every position sees the same past."
    ),
    "halves": Arrangement(
        "halves", "A2", "[e]×⌈N/2⌉ [m]×⌊N/2⌋", "First half e, second half m: one change of input."
    ),
    "alternating": Arrangement(
        "alternating", "A3", "[e, m]×N/2", "e and m take turns, starting with e."
    ),
    "e+mN": Arrangement(
        "e+mN",
        "A4",
        "[e][m]×N",
        "e opens the sequence and its own output is not read; the first m says the first token.",
    ),
    "e+mN-1": Arrangement(
        "e+mN-1", "A5", "[e][m]×(N−1)", "The paper's default: e itself says the first token."
    ),
}


def settled(choice: ArrangementChoice) -> ArrangementKey:
    """Return an arrangement that was chosen, or found to suit the model.

    Raises:
        BadInputError: if it is still open.
    """
    if choice == "auto":
        raise BadInputError("The arrangement is still open. Name one of: " + ", ".join(KEYS) + ".")
    return choice


def holds_m(key: ArrangementKey, length: int) -> NDArray[np.bool_]:
    """Return which input positions hold m (the others hold e), shape (input length,).

    Args:
        key: an arrangement.
        length: N, the number of target tokens.

    Raises:
        BadInputError: if N is less than 1.
    """
    if length < 1:
        raise BadInputError("A target needs at least one token.")
    at = np.arange(length + (key == "e+mN"))
    match key:
        case "e":
            return np.zeros(len(at), dtype=bool)
        case "halves":
            return np.greater_equal(at, (length + 1) // 2)
        case "alternating":
            return np.equal(at % 2, 1)
        case "e+mN" | "e+mN-1":
            return np.greater(at, 0)


def read_from(key: ArrangementKey) -> int:
    """Return the first input position whose output is read; the N outputs from there are used."""
    return 1 if key == "e+mN" else 0


def input_length(key: ArrangementKey, length: int) -> int:
    """Return how many vectors the model is fed for a target of `length` tokens."""
    return len(holds_m(key, length))
