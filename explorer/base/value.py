"""A value: what is read from a form, a file or the queue, checked once and never changed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from explorer.base.errors import BadInputError
from explorer.base.files import write_atomically
from explorer.base.formatting import counted
from explorer.base.language import retold, tr


class Value(BaseModel):
    """Pydantic's model, frozen; a field that it does not know is an error and not dropped."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def keep(self, file: Path) -> Path:
        """Write this value to a file as JSON.

        Raises:
            StorageError: if the disk refuses.
        """
        return write_atomically(file, self.model_dump_json(indent=1).encode())

    @classmethod
    def kept(cls, file: Path) -> Self | None:
        """Return the value in a file that `keep` wrote; None if there is none to be read."""
        try:
            return cls.model_validate_json(file.read_bytes())
        except (OSError, ValidationError):
            return None


LIMITS = ("ge", "le", "gt", "lt")
"""What pydantic calls the bounds of a number."""
V = TypeVar("V", bound=BaseModel)


def valid(kind: type[V], fields: Mapping[str, Any]) -> V:
    """Return a value of ours from what a person entered.

    Raises:
        BadInputError: if a field is missing, unknown or out of range.
    """
    try:
        return kind.model_validate(dict(fields))
    except ValidationError as error:
        raise BadInputError(in_words(error, kind)) from error


def in_words(error: ValidationError, kind: type[BaseModel] | None = None) -> str:
    """Say what is wrong with a setting in one sentence.

    Args:
        error: of a value of ours.
        kind: what the value was to be; its settings are named where one is not known.
    """
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    reason = retold(first["msg"].removeprefix("Value error, "))
    if said := wrong_number(first, where):
        return said
    match first["type"]:
        case "extra_forbidden":
            known = _fields(kind, first["loc"][:-1])
            said = tr("There is no setting “{name}”.", name=where)
            choose = tr("Choose one of: {names}.", names=", ".join(known))
            return f"{said} {choose}" if known else said
        case "missing":
            return tr("The setting “{name}” is needed.", name=where)
        case "json_invalid":
            return tr("The settings cannot be read: this is not valid JSON.")
        case "tuple_type":
            return tr("The setting “{name}” takes a list, such as [4, 8].", name=where)
        case "string_too_long":
            most = counted(first["ctx"]["max_length"], "character")
            return tr(
                "The setting “{name}” takes at most {most}. Shorten it.", name=where, most=most
            )
        case "too_long":
            most = counted(first["ctx"]["max_length"], "value")
            return tr(
                "The setting “{name}” takes at most {most}. Choose fewer.", name=where, most=most
            )
        case "too_short" if not first.get("input"):
            return tr("The setting “{name}” needs at least one value.", name=where)
    if not where:
        return tr("These settings cannot be used: {reason}.", reason=reason)
    return tr("The setting “{name}” cannot be used: {reason}.", name=where, reason=reason)


def wrong_number(error: ErrorDetails, name: str) -> str:
    """Say what a number has to be; nothing where something else is wrong with a setting."""
    limits = {key: f"{limit:.15g}" for key, limit in error.get("ctx", {}).items() if key in LIMITS}
    match error["type"]:
        case "greater_than_equal":
            return tr("The setting “{name}” must be at least {ge}.", name=name, **limits)
        case "less_than_equal":
            return tr("The setting “{name}” must be at most {le}.", name=name, **limits)
        case "greater_than":
            return tr("The setting “{name}” must be greater than {gt}.", name=name, **limits)
        case "less_than":
            return tr("The setting “{name}” must be less than {lt}.", name=name, **limits)
        case "float_parsing" | "float_type":
            return tr("The setting “{name}” must be a number.", name=name)
        case "int_parsing" | "int_type" | "int_from_float":
            return tr("The setting “{name}” must be a whole number.", name=name)
    return ""


def _fields(kind: Any, within: Sequence[int | str]) -> Mapping[str, Any]:
    """Return the fields of a kind of value, or of what lies within it; none if that is unclear."""
    fields: Mapping[str, Any] = getattr(kind, "model_fields", {})
    if not within or within[0] not in fields:
        return {} if within else fields
    return _fields(fields[str(within[0])].annotation, within[1:])
