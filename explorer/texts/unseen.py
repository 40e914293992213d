"""Passages written for this project: no model can have seen them."""

import json
from functools import lru_cache
from pathlib import Path

from explorer.base.language import tr
from explorer.specs.cleaning import clean
from explorer.specs.texts import UnseenSpec
from explorer.texts.passages import Passage, excerpt, pick

FOLDER = Path(__file__).resolve().parent.parent / "data" / "unseen"


@lru_cache(maxsize=1)
def _shipped() -> tuple[tuple[str, str, str], ...]:
    """Return file name, title with register, and text of every passage."""
    index = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))
    return tuple(
        (
            entry["file"],
            f"{entry['title']} ({entry['register']})",
            clean((FOLDER / entry["file"]).read_text(encoding="utf-8")).strip(),
        )
        for entry in index
    )


def count() -> int:
    """Return how many passages there are."""
    return len(_shipped())


def passage(spec: UnseenSpec) -> Passage:
    """Return one of the passages, whole if it is not longer than the spec allows.

    Raises:
        EndOfSourceError: if there are fewer passages than the index asks for.
    """
    shipped = _shipped()
    file, title, text = shipped[pick(len(shipped), spec.seed, spec.index, tr("unseen passages"))]
    return Passage(excerpt(text, 0, spec.characters), title, spec, work=file)
