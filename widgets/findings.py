"""What the paper found, and whether what is on this page shows it: said plainly either way."""

from functools import cache
from pathlib import Path
from typing import Literal

import streamlit as st

from explorer.base import language
from explorer.base.language import later, tr
from explorer.experiments import space
from explorer.experiments.paper_comparison import ANSWERS, Evidence
from explorer.experiments.rules import Rule
from explorer.experiments.verdicts import Finding
from explorer.geometry import distance_report
from explorer.solutions import sets as records
from explorer.solutions.sets import SetRecord
from widgets import saved_paths, sets
from widgets.cached import Newest
from widgets.guard import unreadable
from widgets.markdown import escaped

MARKS: dict[bool | None, tuple[str, Literal["green", "orange", "gray"]]] = {
    True: (":material/check_circle:", "green"),
    False: (":material/cancel:", "orange"),
    None: (":material/help:", "gray"),
}


def show(found: list[Finding]) -> None:
    """Show findings with their figures; the rule of each verdict stands in its tooltip.

    Args:
        found: what to show; nothing is shown for none.
    """
    if not found:
        return
    st.subheader(tr("What the paper found, and what is shown here"), anchor=False)
    for finding in found:
        icon, color = MARKS[finding.shown]
        verdict = f"{finding.id}: {tr(ANSWERS[finding.shown])}"
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge(verdict, icon=icon, color=color, help=escaped(finding.rule) or None)
        st.write(escaped(f"{tr(finding.claim)} {finding.figure}"))
        if finding.reason:
            st.caption(escaped(tr("Why it may differ: {reason}", reason=finding.reason)))


def rules(of: dict[str, Rule]) -> None:
    """Show what counts as shown, before anything is measured; nothing for no rules."""
    if not of:
        return
    with st.expander(tr("What counts as shown")):
        for name, rule in of.items():
            st.markdown(f"**{name}** {escaped(rule.question)}")
        for said in dict.fromkeys(rule.answers for rule in of.values()):
            st.write(escaped(said))


def of_sets() -> list[Evidence]:
    """Return what every set says of F8 and F9; say which cannot be read.

    A set that has only begun has nothing to say yet.
    """
    found = []
    for name, record in sets.known().items():
        if not record.complete and len(record.exact) < 2:
            continue
        with unreadable(later("Set {id}: {error}"), id=name[:6]):
            of = tr("set {id}", id=name[:6])
            found += [Evidence(f, record.spec.model, of) for f in of_set(record)]
    return found


def of_set(record: SetRecord) -> list[Finding]:
    """Return what a set says of F8 and F9.

    Raises:
        CorruptFileError: if one of its files cannot be read.
    """
    return _of_set(language.current())(records.find(record.id))


def _files(folder: Path) -> list[Path]:
    """Return the file of a set and, where its distances are measured, that of their report."""
    return [*sets.files(folder), *distance_report.files(sets.record(folder))[:1]]


def _findings(folder: Path) -> list[Finding]:
    measured = next(map(distance_report.read, distance_report.files(sets.record(folder))), None)
    if measured is not None:
        return space.of_report(measured)
    return space.of_vectors(records.read(folder))


@cache
def _of_set(_language: str) -> Newest[list[Finding]]:
    """Return what is kept of the sets' findings, which are sentences of a language."""
    return Newest(_findings, 64, _files)


def of_paths() -> list[Evidence]:
    """Return what all paths say of F10; say which cannot be read."""
    found = []
    for file, made in saved_paths.readable():
        of = tr("paths {id}", id=file.parent.name)
        found += [Evidence(f, made.header.model, of) for f in space.of_paths(made)]
    return found
