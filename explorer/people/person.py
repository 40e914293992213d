"""Who somebody is: an id made from a secret that their browser keeps, and a name if they like."""

import hashlib
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert

from explorer.base.database import PersonRow, transaction
from explorer.base.errors import BadInputError
from explorer.base.language import tr

MOST_LETTERS = 30


@dataclass(frozen=True)
class Person:
    """Somebody who asks for something.

    Attributes:
        id: how the catalogue knows them; None for whoever is alone with the server.
        is_host: whether they may stop and delete what is others', and no limit holds for them.
    """

    id: str | None
    is_host: bool = False


ALONE = Person(None, is_host=True)
"""Whoever sits in front of a server that only its own machine reaches: everything is theirs."""


def recognised(secret: str, *, is_host: bool = False) -> Person:
    """Return the person whose browser, or whose login, keeps a secret; ids do not give it away."""
    return Person(hashlib.sha256(f"person:{secret}".encode()).hexdigest()[:16], is_host)


def rename(person: Person, name: str) -> str:
    """Give somebody a name, or take it away with an empty one; return what it is now.

    Raises:
        BadInputError: if it is too long, or nothing of it can be seen.
        StorageError: if the catalogue cannot be written.
    """
    kept = "".join(" " if c.isspace() else c for c in unicodedata.normalize("NFC", name))
    kept = " ".join("".join(c for c in kept if unicodedata.category(c)[0] != "C").split())
    if len(kept) > MOST_LETTERS:
        raise BadInputError(
            tr("A name has at most {most} characters. Shorten it.", most=MOST_LETTERS)
        )
    if name.strip() and not kept:
        raise BadInputError(tr("Nothing of this name can be seen. Use letters."))
    if person.id is not None:
        row = insert(PersonRow).values(id=person.id, name=kept)
        with transaction() as session:
            session.execute(row.on_conflict_do_update(index_elements=["id"], set_={"name": kept}))
    return kept


def names(ids: Collection[str]) -> dict[str, str]:
    """Return what people are called, by id; those without a name are guests with a number.

    Raises:
        StorageError: if the catalogue cannot be read.
    """
    wanted = select(PersonRow.id, PersonRow.name).where(PersonRow.id.in_(set(ids)))
    with transaction() as session:
        known = {row.id: row.name for row in session.execute(wanted)}
    return {number: known.get(number) or f"Guest {number[:4]}" for number in ids}


def own_name(person: Person) -> str:
    """Return the name that somebody has chosen, empty if none.

    Raises:
        StorageError: if the catalogue cannot be read.
    """
    with transaction() as session:
        row = session.get(PersonRow, person.id or "")
    return row.name if row else ""
