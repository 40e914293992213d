"""Some pairs of a set of paths as a set of their own: worked on elsewhere, and brought back."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.base.provenance import computed_apart
from explorer.paths.result import FORMAT, Paths

States = dict[int, dict[str, NDArray[Any]]]
"""What curves under way go on from, by pair: arrays by name."""
PREFIX = "trainer."
"""How their names begin in a file of paths."""
FOLDER = Path("jobs", "curves")
"""Where a batch lies while it is worked on elsewhere, below `folders.local()` there."""


def name_of(pairs: Sequence[int]) -> str:
    """Return the name of a batch."""
    return ",".join(map(str, pairs))


def pairs_of(name: str) -> list[int]:
    """Return the pairs of a batch from its name."""
    return list(map(int, name.split(",")))


def tensors_of(states: States) -> dict[str, NDArray[Any]]:
    """Return states as tensors beside those of `Paths`."""
    return {
        f"{PREFIX}{pair}.{name}": value
        for pair, state in states.items()
        for name, value in state.items()
    }


def states_in(file: Path) -> States:
    """Return the states of the curves under way from a checkpoint.

    Raises:
        CorruptFileError: as `Paths.load`.
        ValueError: if something else is called like one.
    """
    states: States = {}
    for name, tensor in FORMAT.load(file, beside=PREFIX)[1].items():
        if name.startswith(PREFIX):
            _, pair, key = name.split(".", 2)
            states.setdefault(int(pair), {})[key] = tensor
    return states


def chosen(paths: Paths, pairs: Sequence[int]) -> Paths:
    """Return some pairs as they stand, described as if they were all there are; none of the time.

    Args:
        paths: all pairs.
        pairs: which of them.
    """
    header, rows = paths.header, list(pairs)
    ends = list(dict.fromkeys(end for pair in pairs for end in header.pairs[pair]))
    texts = list(dict.fromkeys(header.solutions[end].text for end in ends))
    solutions = [header.solutions[end] for end in ends]
    history = paths.history[np.isin(paths.history["pair"], pairs)].copy()
    history["pair"] = [rows.index(pair) for pair in history["pair"]]
    return replace(
        paths,
        header=header.model_copy(
            update={
                "texts": [header.texts[text] for text in texts],
                "solutions": [
                    s.model_copy(update={"text": texts.index(s.text)}) for s in solutions
                ],
                "pairs": [tuple(map(ends.index, header.pairs[pair])) for pair in pairs],
                "seconds": 0.0,
            }
        ),
        vectors=paths.vectors[ends],
        line=paths.line.of(rows),
        curve=paths.curve.of(rows),
        history=history,
        **{name: getattr(paths, name)[rows] for name in ("bends", "steps", "over")},
    )


def brought_back(paths: Paths, part: Paths, pairs: Sequence[int]) -> Paths:
    """Return paths with some pairs as they stand elsewhere; arrays change in place.

    Args:
        paths: all pairs.
        part: `chosen` of them, worked on.
        pairs: which those are.
    """
    rows = list(pairs)
    for name in ("bends", "steps", "over"):
        getattr(paths, name)[rows] = getattr(part, name)
    paths.line.keep(rows, part.line)
    paths.curve.keep(rows, part.curve)
    theirs = part.history.copy()
    theirs["pair"] = np.asarray(pairs, dtype=np.int32)[theirs["pair"]]
    others = paths.history[~np.isin(paths.history["pair"], pairs)]
    header = paths.header.model_copy(
        update={
            "pieces": paths.header.pieces | part.header.pieces,
            "pass_seconds": part.header.pass_seconds,
            **computed_apart(paths.header, part.header, "device", "searched_in", "ended_by"),
        }
    )
    return replace(paths, header=header, history=np.concatenate([others, theirs]))
