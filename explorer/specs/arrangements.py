"""Arrangements: how two proto-tokens become an input sequence (checklist A1-A5, paper table 1).

An arrangement says which vector stands at each input position and at which positions the model's
output is read. Everything here is a pure function of the key and the target length N.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from explorer.base.errors import BadInputError
from explorer.base.language import later, tr

PaperKey = Literal["e", "halves", "alternating", "e+mN", "e+mN-1"]
ArrangementKey = Literal["e", "halves", "alternating", "e+mN", "e+mN-1", "sink+e+mN", "sink+mixed"]
PAPER_KEYS: tuple[PaperKey, ...] = get_args(PaperKey)
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
    """One arrangement: what stands where, and what a person reads about it.

    Attributes:
        key: the name used in files and on the command line.
        checklist_id: the paper's row, A1 to A5; Sink and Mixed for ours.
        formula: the input sequence, written out.
        sentence: what is special about it.
        opening: what stands at the first positions, whose outputs are not read, a letter each:
            `s` for the sink, the frozen embedding of an ordinary token, `e`, or `m`.
        m_at: which of the N positions that are read hold m, given their indices 0 … N-1 and N; the
            others hold e.
    """

    key: ArrangementKey
    checklist_id: str
    formula: str
    sentence: str
    opening: str
    m_at: Callable[[NDArray[np.int64], int], NDArray[np.bool_]]

    @property
    def has_sink(self) -> bool:
        """Whether a token stands before e."""
        return "s" in self.opening


def rudin_shapiro(at: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether the binary digits of each number hold 11 an odd number of times.

    The sequence has no correlation with itself at any distance, as random bits, and needs no seed.
    Counted from 2 it begins 0, 1, so that a text of two tokens has both vectors.
    """
    odd: NDArray[np.bool_] = np.bitwise_count(at & (at >> 1)) % 2 == 1
    return odd


ARRANGEMENTS: dict[ArrangementKey, Arrangement] = {
    a.key: a
    for a in (
        Arrangement(
            "e", "A1", "[e]×N",
            later("One vector, repeated: every position sees the same past."),
            "", lambda at, N: at < 0,
        ),
        Arrangement(
            "halves", "A2", "[e]×⌈N/2⌉ [m]×⌊N/2⌋",
            later("First half e, second half m: one change of input."),
            "", lambda at, N: at >= (N + 1) // 2,
        ),
        Arrangement(
            "alternating", "A3", "[e, m]×N/2",
            later("e and m alternate, starting with e."),
            "", lambda at, N: at % 2 == 1,
        ),
        Arrangement(
            "e+mN", "A4", "[e][m]×N",
            later("e comes first and its own output is not read; the first m outputs the first "
                  "token."),
            "e", lambda at, N: at >= 0,
        ),
        Arrangement(
            "e+mN-1", "A5", "[e][m]×(N−1)",
            later("The paper's default: e itself outputs the first token."),
            "", lambda at, N: at > 0,
        ),
        Arrangement(
            "sink+e+mN", "Sink", "[sink][e][m]×N",
            later("Not in the paper: a fixed token, BOS where the model has one, stands before e "
                  "as the attention sink, so e need not be one; the first m outputs the first "
                  "token."),
            "se", lambda at, N: at >= 0,
        ),
        Arrangement(
            "sink+mixed", "Mixed", "[sink][e or m]×N",
            later("Not in the paper: first stands a fixed token, BOS where the model has one, as "
                  "the attention sink; it says nothing of the text. After it e and m follow an "
                  "irregular order (Rudin–Shapiro), the same for every text, so every position "
                  "has neighbors of its own."),
            "s", lambda at, N: rudin_shapiro(at + 2),
        ),
    )
}  # fmt: skip


def settled(choice: ArrangementChoice) -> ArrangementKey:
    """Return an arrangement that was chosen, or found to suit the model.

    Raises:
        BadInputError: if it is still open.
    """
    if choice == "auto":
        names = ", ".join(KEYS)
        raise BadInputError(tr("The arrangement is still open. Name one of: {names}.", names=names))
    return choice


def stands(key: ArrangementKey, length: int) -> NDArray[np.str_]:
    """Return what stands at each input position, `s`, `e` or `m`, shape (input length,).

    Args:
        key: an arrangement.
        length: N, the number of target tokens.

    Raises:
        BadInputError: if N is less than 1.
    """
    if length < 1:
        raise BadInputError(tr("A target needs at least one token."))
    found = ARRANGEMENTS[key]
    read = np.where(found.m_at(np.arange(length), length), "m", "e")
    return np.concatenate([np.array(list(found.opening), dtype="U1"), read])


def holds_m(key: ArrangementKey, length: int) -> NDArray[np.bool_]:
    """Return which input positions hold m, shape (input length,).

    Raises:
        BadInputError: if N is less than 1.
    """
    return np.equal(stands(key, length), "m")


def read_from(key: ArrangementKey) -> int:
    """Return the first input position whose output is read; the N outputs from there are used."""
    return len(ARRANGEMENTS[key].opening)


def input_length(key: ArrangementKey, length: int) -> int:
    """Return how many vectors the model is fed for a target of `length` tokens."""
    return len(stands(key, length))
