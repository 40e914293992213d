"""Names, notes and tags that a person gives to what is stored: in the catalogue, not in files."""

import json
from collections.abc import Iterable
from typing import Literal

from pydantic import ConfigDict, Field
from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from explorer.base.database import LabelRow, transaction
from explorer.base.errors import BadInputError
from explorer.base.language import tr
from explorer.base.value import Value, valid

Kind = Literal[
    "solution",
    "run",
    "set",
    "paths",
    "landscape",
    "experiment",
    "analysis",
    "asset",
    "job",
    "leftover",
]
MAX_TAGS, MAX_TAG = 20, 40


class Label(Value):
    """What a person calls one entry."""

    model_config = ConfigDict(str_strip_whitespace=True)

    name: str = Field("", max_length=120, description="Shown instead of the text; may be empty.")
    note: str = Field("", max_length=4_000, description="Anything worth remembering.")
    tags: tuple[str, ...] = Field((), max_length=MAX_TAGS, description="Words to filter by.")


NO_LABEL = Label()


def labels(kind: Kind) -> dict[str, Label]:
    """Return the label of every entry of a kind that has one, by id.

    Raises:
        StorageError: if the catalogue cannot be read.
    """
    columns = (LabelRow.id, LabelRow.name, LabelRow.note, LabelRow.tags)
    with transaction() as session:
        rows = session.execute(select(*columns).where(LabelRow.kind == kind)).all()
    return {
        number: Label.model_construct(name=name, note=note, tags=tuple(json.loads(tags)))
        for number, name, note, tags in rows
    }


def put(kind: Kind, entry_id: str, *, name: str, note: str, tags: Iterable[str]) -> Label:
    """Give an entry a name, a note and tags; all empty takes its label away.

    Raises:
        BadInputError: if one of them is too long, or there are too many tags.
        StorageError: if the catalogue cannot be written.
    """
    words = tuple(dict.fromkeys(" ".join(tag.split()) for tag in tags if tag.strip()))
    if any(len(word) > MAX_TAG for word in words):
        raise BadInputError(
            tr("A tag has at most {most} characters. Choose shorter ones.", most=MAX_TAG)
        )
    label = valid(Label, {"name": " ".join(name.split()), "note": note, "tags": words})
    if label == NO_LABEL:
        forget(kind, [entry_id])
        return label
    columns = {"name": label.name, "note": label.note, "tags": json.dumps(label.tags)}
    with transaction() as session:
        session.execute(
            insert(LabelRow)
            .values(kind=kind, id=entry_id, **columns)
            .on_conflict_do_update(index_elements=["kind", "id"], set_=columns)
        )
    return label


def forget(kind: Kind, ids: Iterable[str]) -> None:
    """Take the labels of entries away.

    Raises:
        StorageError: if the catalogue cannot be written.
    """
    with transaction() as session:
        for entry_id in ids:
            session.execute(delete(LabelRow).where(LabelRow.kind == kind, LabelRow.id == entry_id))
