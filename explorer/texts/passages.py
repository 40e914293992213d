"""What a draw gives, and what every source shares."""

import random
from dataclasses import dataclass
from functools import lru_cache

from explorer.base.errors import BadInputError
from explorer.base.language import tr
from explorer.specs.texts import PASSAGE_CHARACTERS, Source, TextSpec

LONGEST_WORD = 40
"""Characters beyond which a passage may end inside a word; some scripts have no spaces."""


class EndOfSourceError(BadInputError):
    """The source has fewer passages than the index asks for."""


@dataclass(frozen=True)
class Passage:
    """A text with where it comes from; `draw(passage.spec)` gives it again.

    Attributes:
        text: the passage, usually longer than the target that is cut from it.
        title: where it comes from, in words.
        spec: the draw that gave it.
        work: key of the work it is from, empty where it is a work of its own.
        start: character of the work's running text at which it starts.
    """

    text: str
    title: str
    spec: TextSpec
    work: str = ""
    start: int = 0

    @property
    def source(self) -> Source:
        """Key of the source."""
        return self.spec.source


@lru_cache(maxsize=32)
def shuffled(count: int, seed: int | str) -> tuple[int, ...]:
    """Return 0 ... count - 1 in the order that `seed` sets.

    Only `random.Random(seed).random()` is used, the one sequence that Python promises to keep
    over its versions.
    """
    numbers = random.Random(seed)  # noqa: S311  # a draw, not a secret
    return tuple(sorted(range(count), key=lambda _: numbers.random()))


def pick(count: int, seed: int | None, index: int, what: str) -> int:
    """Return the `index`-th of `count` things in the order that `seed` sets, if there is one.

    Raises:
        EndOfSourceError: if there are not that many; `what` names them in the message.
    """
    if index >= count:
        raise EndOfSourceError(
            tr(
                "There are {count} {what}; choose an index from 0 to {last}.",
                count=f"{count:,}",
                what=what,
                last=f"{count - 1:,}",
            )
        )
    return index if seed is None else shuffled(count, seed)[index]


def excerpt(text: str, start: int, characters: int) -> str:
    """Return `text` from `start`, at most `characters` long, ending with a whole word."""
    end = start + characters
    piece = text[start:end].strip()
    if end < len(text) and not text[end].isspace() and not text[end - 1].isspace():
        whole, *cut = piece.rsplit(None, 1)
        if cut and len(cut[0]) <= LONGEST_WORD:
            return whole
    return piece


def roomy(starts: list[int], end: int) -> list[int]:
    """Return the starts that leave a usual passage before `end`; the first one if none does."""
    return [start for start in starts if end - start >= PASSAGE_CHARACTERS] or starts[:1]
