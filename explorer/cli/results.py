"""What a command gives: one JSON object on stdout, and files in the folder that `--out` names."""

import tempfile
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from explorer.base.errors import BadInputError, disk_errors


def print_json(value: dict[str, Any]) -> None:
    """Print a value as JSON in ASCII: arrays as lists, null for what is not a finite number."""
    text = to_json(
        value, inf_nan_mode="null", ensure_ascii=True, fallback=lambda array: array.tolist()
    )
    print(text.decode())


def folder(out: Path) -> Path:
    """Create the folder that a person named for results, see that it takes files, and return it.

    Raises:
        BadInputError: if it cannot be, or takes none.
    """
    with disk_errors(
        f"The folder {out} cannot be created", "Name another one with --out.", BadInputError
    ):
        out.mkdir(parents=True, exist_ok=True)
    with disk_errors(
        f"No file can be written to {out}", "Name another folder with --out.", BadInputError
    ):
        tempfile.TemporaryFile(dir=out).close()
    return out


def keep_others(file: Path, holds: str) -> None:
    """Refuse to write over a result of something else.

    Args:
        file: that would be written.
        holds: what lies there, in words; empty: nothing, or what is asked for itself.

    Raises:
        BadInputError: if it would be lost.
    """
    if holds:
        raise BadInputError(
            f"{file} holds {holds}, which this would write over. Name another folder with --out."
        )


def written(out: Path, kept: Path) -> AbstractContextManager[None]:
    """Let a block write results to `out`; if the disk refuses, say where they are kept."""
    return disk_errors(
        f"The results could not be written to {out}",
        f"They are kept in {kept}; name another folder with --out.",
    )
