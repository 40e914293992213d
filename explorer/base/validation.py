"""What is wrong with a setting, in one sentence."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from explorer.base.errors import BadInputError

Value = TypeVar("Value", bound=BaseModel)


def valid(kind: type[Value], fields: Mapping[str, Any]) -> Value:
    """Return a value of ours from what a person entered.

    Raises:
        BadInputError: if a field is missing, unknown or out of range.
    """
    try:
        return kind.model_validate(dict(fields))
    except ValidationError as error:
        raise BadInputError(in_words(error)) from error


def in_words(error: ValidationError, known: Iterable[str] = ()) -> str:
    """Say what is wrong with a setting in one sentence.

    Args:
        error: of a value of ours.
        known: names of the settings there are, to be named where one is not known.
    """
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    reason = first["msg"].removeprefix("Value error, ")
    match first["type"]:
        case "extra_forbidden":
            choose = f" Choose one of: {', '.join(known)}." if known else ""
            return f"There is no setting “{where}”.{choose}"
        case "missing":
            return f"The setting “{where}” is needed."
        case "json_invalid":
            return "The settings cannot be read: this is not valid JSON."
        case "tuple_type":
            return f"The setting “{where}” takes a list, such as [4, 8]."
        case "string_too_long":
            most = first["ctx"]["max_length"]
            return f"The setting “{where}” takes at most {most:,} characters. Shorten it."
        case "too_long":
            most = first["ctx"]["max_length"]
            return f"The setting “{where}” takes at most {most:,} values. Choose fewer."
        case "too_short" if not first.get("input"):
            return f"The setting “{where}” needs at least one value."
    if not where:
        return f"These settings cannot be used: {reason}."
    return f"The setting “{where}” cannot be used: {reason}."
