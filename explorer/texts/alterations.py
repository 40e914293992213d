"""Finds where a tokenizer changes a text, so that another one is learned than was typed.

One makes letters small, one composes accents, one has no token for a character and writes <unk>.
Two vectors then learn what the tokens say, and a person should know that before they start.
"""

import contextlib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from explorer.assets.tokenizing import Group, Tokenizer
from explorer.base.errors import ExplorerError
from explorer.base.language import tr
from explorer.specs.texts import make_spec
from explorer.texts.drawing import draw

COMPARED = 4_000
"""Characters in which changes are looked for: comparing takes the square of their number."""
QUOTED = 40


@dataclass(frozen=True)
class Alteration:
    """What a tokenizer changes in a text.

    Attributes:
        typed: the first part that is changed, as it was typed.
        learned: what stands there instead.
        groups: which groups of tokens say something else than was typed.
    """

    typed: str
    learned: str
    groups: tuple[int, ...]

    @property
    def sentence(self) -> str:
        """What a person should know before the start."""
        return tr(
            "This model's tokenizer changes the text: {what}. The vectors learn what the tokens "
            "spell.",
            what=self.what,
        )

    @property
    def what(self) -> str:
        """What is changed first, inside a sentence."""
        typed, learned = _quotable(self.typed), _quotable(self.learned)
        if not typed:
            return tr("it adds “{learned}”", learned=learned)
        if not learned:
            return tr("it leaves out “{typed}”", typed=typed)
        if unicodedata.normalize("NFKC", typed) == unicodedata.normalize("NFKC", learned):
            return tr("it writes “{learned}” with other Unicode characters", learned=learned)
        return tr("it reads “{typed}” as “{learned}”", typed=typed, learned=learned)


def find_alteration(text: str, tokenizer: Tokenizer, ids: Sequence[int]) -> Alteration | None:
    """Compare a text with what its tokens say; return what is changed first, None if nothing is.

    Args:
        text: as it was typed.
        tokenizer: gives and reads the tokens.
        ids: the text's first tokens, or all of them.
    """
    learned = tokenizer.decode(list(ids))
    whole = len(tokenizer.encode_prefix(text, len(ids) + 1)[0]) <= len(ids)
    if learned == text or (not whole and text.startswith(learned.rstrip("\ufffd"))):
        return None
    typed = text if whole else text[: tokenizer.end(text, len(ids))]
    matcher = SequenceMatcher(None, typed[:COMPARED], learned[:COMPARED], autojunk=False)
    changes = [change for change in matcher.get_opcodes() if change[0] != "equal"]
    if not changes:
        return None
    _, a, b, c, d = changes[0]
    start, stop = _word(typed, a, b)
    first, last = _word(learned, c, d)
    touched = _touched(tokenizer.groups(list(ids)), [(c, d) for *_, c, d in changes])
    return Alteration(typed[start:stop], learned[first:last], touched)


def find_alterations(
    given: Iterable[str], sources: Iterable[str], tokenizer: Tokenizer, length: int
) -> str | None:
    """Say what a tokenizer changes in several texts, None if nothing.

    Args:
        given: texts that a person gathered.
        sources: where others are drawn from. One passage stands for each: of what is fetched for a
            run, or on no disk yet, it is prose of this project. Generated texts are tokens already.
        tokenizer: gives and reads the tokens.
        length: tokens of each text that are learned.
    """
    texts = [*given, *(_example(s) for s in sources if s != "generated")]
    each = (find_alteration(t, tokenizer, tokenizer.encode_prefix(t, length)[0]) for t in texts)
    found = [alteration for alteration in each if alteration is not None]
    if not found:
        return None
    if len(texts) == 1:
        return found[0].sentence
    if len(found) == len(texts):
        return tr(
            "This model's tokenizer changes the texts: {what}. The vectors learn what the tokens "
            "spell.",
            what=found[0].what,
        )
    return tr(
        "This model's tokenizer changes some of the texts: {what}. The vectors learn what the "
        "tokens spell.",
        what=found[0].what,
    )


def _example(source: str) -> str:
    if source in ("seen", "random"):
        with contextlib.suppress(ExplorerError):
            return draw(make_spec(source)).text
    return draw(make_spec("unseen")).text


def _word(text: str, start: int, stop: int) -> tuple[int, int]:
    """Widen a part of a text to whole words."""
    while start > 0 and not text[start - 1].isspace():
        start -= 1
    while stop < len(text) and not text[stop].isspace():
        stop += 1
    return start, stop


def _touched(groups: Sequence[Group], spans: list[tuple[int, int]]) -> tuple[int, ...]:
    """Return the groups whose text meets one of these spans; an empty span meets its neighbours."""
    found, position = [], 0
    for index, group in enumerate(groups):
        begin, position = position, position + len(group.text)
        if any(
            start < position and begin < stop if start < stop else begin <= start <= position
            for start, stop in spans
        ):
            found.append(index)
    return tuple(found)


def _quotable(text: str) -> str:
    shown = text.replace("\n", "↵").replace("\t", "⇥")
    return shown if len(shown) <= QUOTED else f"{shown[:QUOTED]}…"
