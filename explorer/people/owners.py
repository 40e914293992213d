"""Whose a job or a result is, and the one rule of who may change it.

A job belongs to whoever asked for it. What it makes lies in a folder of the job's id, or, where
several jobs can work on the same (sets, runs of experiments), belongs to the first that ended. What
was there before people were told apart belongs to nobody: the host may change it.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert

from explorer.base.database import OwnerRow, transaction
from explorer.base.errors import BadInputError
from explorer.base.language import tr
from explorer.people.person import Person, names


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
    if person.id is not None:
        _insert({"id": number, "person": person.id})


def hand_on(job_id: str, result: Mapping[str, Any]) -> None:
    """Note that the set or the run of an experiment that a job has made is its owner's.

    Raises:
        StorageError: if the catalogue cannot be read or written.
    """
    owner = owners([job_id]).get(job_id)
    for made in (result.get("set"), result.get("run")):
        if owner is not None and isinstance(made, str):
            _insert({"id": made, "person": owner})


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


def _insert(row: dict[str, Any]) -> None:
    known = insert(OwnerRow).values({"hidden": False} | row)
    with transaction() as session:
        session.execute(
            known.on_conflict_do_update(
                index_elements=["id"],
                set_={"person": known.excluded.person},
                where=OwnerRow.person.is_(None),
            )
        )
