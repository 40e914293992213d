"""Opening a safetensors file that anybody may have made."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

MAX_HEADER = 16_000_000
"""Bytes of a header; the longest of ours, what each of 128,000 token ids says, takes a third."""


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a file to read its tensors as numpy arrays, once its header is known to be small.

    The header is JSON that is parsed whole: its length is looked at first, so that a file cannot
    take gigabytes of memory. A tensor never takes more than the file is long.

    Raises:
        SafetensorError: if the header is longer than any of ours, or is not one.
        OSError: if the disk refuses.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if length > MAX_HEADER:
        raise SafetensorError(f"a header of {length:,} bytes")
    with safe_open(path, framework="numpy") as tensors:
        yield tensors
