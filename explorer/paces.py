"""How fast this machine trains a model: timed by jobs, kept, read by estimates. Free of torch."""

import hashlib
import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from explorer import folders
from explorer.files import write_atomically


class Pace(BaseModel):
    """A timed training step."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(description="Name, hub id or folder of the model.")
    precision: str = Field(description="Number format that the recipe asks for.")
    token_seconds: float = Field(
        gt=0, description="Seconds of a step for each row and target token of a full batch."
    )


def keep(pace: Pace) -> Path:
    """Keep the newest pace of a model and number format.

    Raises:
        StorageError: if the disk refuses.
    """
    return write_atomically(
        _file(pace.model, pace.precision), pace.model_dump_json(indent=1).encode()
    )


def find(model: str, precision: str) -> Pace | None:
    """Return the pace that was timed last, or None if none was or it cannot be read."""
    try:
        return Pace.model_validate_json(_file(model, precision).read_bytes())
    except (OSError, ValidationError):
        return None


def _file(model: str, precision: str) -> Path:
    name = hashlib.sha256(json.dumps([model, precision]).encode()).hexdigest()[:16]
    return folders.local() / "paces" / f"{name}.json"
