"""Which stored solutions e and m can be swapped with."""

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
    other_text: Solution | None = None
    same_text: Solution | None = None
    for entry in store.entries():
        record = entry.record
        if not isinstance(record, SolutionRecord) or not fits(solution, record, entry.length):
            continue
        same = record.text == solution.record.text
        wanted = same_text is None if same else _is_better(solution, record, other_text)
        if not wanted:
            continue
        try:
            found = store.open_solution(str(entry.path))
        except ExplorerError:  # damaged: another one will do
            continue
        if same:
            same_text = found
        elif other_text is None or np.array_equal(found.m, solution.m):
            other_text = found
    return [found for found in (other_text, same_text) if found is not None]


def _is_better(solution: Solution, record: SolutionRecord, known: Solution | None) -> bool:
    """Whether a solution of another text is worth opening, given the best so far."""
    may_share = solution.record.shared_m and record.shared_m
    return known is None or (may_share and not np.array_equal(known.m, solution.m))
