"""Which stored solutions e and m can be swapped with."""

import contextlib

import numpy as np

from explorer.base.errors import BadInputError, ExplorerError
from explorer.base.language import tr
from explorer.solutions import store
from explorer.solutions.solution import Solution, SolutionRecord


def fits(solution: Solution, record: SolutionRecord, length: int) -> bool:
    """Whether e and m of another solution can stand in the places of this one's."""
    own = solution.record
    return (
        (record.fingerprint, record.arrangement, record.sink, length, record.exact)
        == (own.fingerprint, own.arrangement, own.sink, solution.length, True)
        and record.id != own.id
        and record.model == own.model
    )


def require_fits(solution: Solution, other: Solution) -> None:
    """Make sure that two solutions can swap e and m.

    Raises:
        BadInputError: if they are not of one model, arrangement and N, both exact and two.
    """
    if not fits(solution, other.record, other.length):
        raise BadInputError(
            tr(
                "The solutions {one} and {other} cannot swap e and m: that takes two different "
                "ones of the same model, arrangement and N, the other one exact. Choose another, "
                "or leave the choice open.",
                one=solution.record.id,
                other=other.record.id,
            )
        )


def chosen(solution: Solution, name: str | None) -> list[Solution]:
    """Return the solutions to swap with: the one that is named, else those that `find` finds.

    Raises:
        BadInputError: if there is none of that name, or it does not fit.
        CorruptFileError: if it cannot be read.
    """
    if name is None:
        return find(solution)
    other = store.open_solution(name)
    require_fits(solution, other)
    return [other]


def find(solution: Solution) -> list[Solution]:
    """Return up to two exact solutions to swap with: of another text, and another of this text.

    Of those with another text one that shares m comes first, since m can then be told from e.
    What is this machine's comes before what ships, newest first.
    """
    found: dict[bool, Solution] = {}
    for entry in store.entries():
        record = entry.record
        if not isinstance(record, SolutionRecord) or not fits(solution, record, entry.length):
            continue
        same_text = record.text == solution.record.text
        may_share = not same_text and solution.record.shared_m and record.shared_m
        known = found.get(same_text)
        if known is not None and (not may_share or np.array_equal(known.m, solution.m)):
            continue
        with contextlib.suppress(ExplorerError):  # damaged: another one will do
            other = store.open_solution(str(entry.path))
            if known is None or np.array_equal(other.m, solution.m):
                found[same_text] = other
    return [found[same_text] for same_text in (False, True) if same_text in found]
