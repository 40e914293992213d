"""Whose a job or a result is, and the one rule of who may change it.

A job belongs to whoever asked for it. What it makes lies in a folder of the job's id, or, where
several jobs can work on the same (sets, runs of experiments), belongs to whoever began it: its
record says with which job. What was there before people were told apart belongs to nobody: the
host may change it.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from explorer.base.database import LabelRow, OwnerRow, transaction
from explorer.base.errors import BadInputError
from explorer.base.language import tr
from explorer.experiments import runs
from explorer.people.person import Person, names
from explorer.solutions import sets
from explorer.solutions.sets import SetRecord


def may(person: Person, owner: str | None) -> bool:
    """Return whether somebody may pause, stop, rename or delete what is `owner`'s."""
    return person.is_host or (owner is not None and owner == person.id)


def require(person: Person, ids: Iterable[str]) -> None:
    """Refuse somebody who wants to change what is not theirs; every such action asks here.

    Args:
        person: who wants to.
        ids: of jobs, or folders of results.

    Raises:
        BadInputError: naming whose it is.
        StorageError: if the catalogue cannot be read.
    """
    if person.is_host:
        return
    wanted = list(ids)
    known = owners(wanted)
    for number in wanted:
        if not may(person, owner := known.get(number)):
            raise BadInputError(
                tr(
                    "This is not yours: only {name} and the host can change or delete it.",
                    name=names([owner])[owner],
                )
                if owner
                else tr("This is not yours: only the host can change or delete it.")
            )


def require_host(person: Person) -> None:
    """Refuse somebody who is not the host.

    Raises:
        BadInputError: if they are not.
    """
    if not person.is_host:
        raise BadInputError(tr("Only the host of this server can do this."))


def note(person: Person, number: str) -> None:
    """Write down whose a job or a result is; the first that is noted stays.

    Raises:
        StorageError: if the catalogue cannot be written.
    """
    if person.id is None:
        return
    known = insert(OwnerRow).values(id=number, person=person.id, hidden=False)
    with transaction() as session:
        session.execute(
            known.on_conflict_do_update(
                index_elements=["id"],
                set_={"person": known.excluded.person},
                where=OwnerRow.person.is_(None),
            )
        )


def hand_on(job_id: str, result: Mapping[str, Any]) -> None:
    """Note whose the set or the run of an experiment is that a job has worked on.

    If the job has made again what somebody else had deleted, their name for that goes as well.

    Raises:
        StorageError: if the catalogue cannot be read or written.
    """
    for made, kind, read in (("set", "set", _set), ("run", "experiment", _run)):
        record = read(name) if isinstance(name := result.get(made), str) else None
        if record is None or record.job is None:
            continue
        owner = owners([record.job]).get(record.job)
        with transaction() as session:
            before = session.get(OwnerRow, name)
            if record.job == job_id and before and before.person not in (None, owner):
                old = delete(LabelRow).where(LabelRow.kind == kind, LabelRow.id == name)
                session.execute(old)
            session.merge(OwnerRow(id=name, person=owner))


def _set(name: str) -> SetRecord | None:
    return SetRecord.kept(sets.folder_of(name) / sets.SET_FILE)


def _run(name: str) -> runs.Header | None:
    return runs.Header.kept(runs.folder_of(name) / runs.HEADER_FILE)


def owners(ids: Collection[str] | None = None) -> dict[str, str]:
    """Return whose jobs and results are, by id; those of nobody are left out.

    Args:
        ids: which; None: all.

    Raises:
        StorageError: if the catalogue cannot be read.
    """
    known = select(OwnerRow.id, OwnerRow.person).where(OwnerRow.person.is_not(None))
    if ids is not None:
        known = known.where(OwnerRow.id.in_(set(ids)))
    with transaction() as session:
        return {row.id: row.person for row in session.execute(known)}
