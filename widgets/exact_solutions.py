"""Which exact solutions: pickers for pages that compare solutions of one text."""

import streamlit as st

from explorer.base.errors import BadInputError
from explorer.base.formatting import shortened
from explorer.base.language import tr
from explorer.solutions import store
from explorer.solutions.solution import Solution, SolutionRecord
from widgets.choice import told_apart


def records() -> dict[str, SolutionRecord]:
    """Return every exact solution for one forward pass, by id: own ones first, newest first."""
    return {
        entry.id: entry.record
        for entry in store.entries()
        if entry.record is not None and entry.record.exact and entry.record.kind == "one-forward"
    }


def label(record: SolutionRecord) -> str:
    """Name a solution in a list; what tells restarts of a text apart comes first."""
    text = shortened(record.text, 44)
    return f"{tr('seed {seed}', seed=record.seed)} · N {record.c_tokens} · {text}"


def group(record: SolutionRecord) -> tuple[str, str, str, int]:
    """Return what two solutions must share for a path to make sense."""
    return (record.text, record.fingerprint, record.arrangement, record.c_tokens)


def groups(known: dict[str, SolutionRecord]) -> dict[tuple[str, str, str, int], list[str]]:
    """Return the ids of solutions by what they share."""
    found: dict[tuple[str, str, str, int], list[str]] = {}
    for i, record in known.items():
        found.setdefault(group(record), []).append(i)
    return found


def choose(title: str, ids: list[str], key: str, first: str | None = None) -> str | None:
    """Show a list of solutions and return the chosen id.

    An id that is preselected but not exact is offered all the same, so that what is wrong with it
    can be said.
    """
    known = records()
    if first is not None and first not in ids:
        ids = [first, *ids]
    if not ids:
        return None
    names = told_apart({i: label(known[i]) if i in known else i for i in ids})
    return st.selectbox(
        title,
        ids,
        ids.index(first) if first in ids else 0,
        format_func=names.__getitem__,
        key=f"{key}-{first}",
    )


def open_solution(solution_id: str) -> Solution:
    """Read a solution by its id.

    Raises:
        BadInputError: if there is none.
        CorruptFileError: if it cannot be read.
    """
    if not solution_id:
        raise BadInputError(tr("Choose a solution."))
    return store.open_solution(str(store.find(solution_id)))
