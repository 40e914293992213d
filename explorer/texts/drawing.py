"""Draw one passage, or many that have nothing in common."""

from itertools import count as count_from
from pathlib import Path
from typing import assert_never

from explorer.assets.tokenizing import Tokenizer
from explorer.base.errors import BadInputError
from explorer.base.formatting import counted
from explorer.base.language import tr
from explorer.specs.texts import (
    PASSAGE_CHARACTERS,
    CorpusSpec,
    GeneratedSpec,
    OwnSpec,
    PG19Spec,
    RandomSpec,
    SeenSpec,
    TextSpec,
    UnseenSpec,
    make_spec,
)
from explorer.texts import corpus, own, pg19, shakespeare, unseen, words
from explorer.texts.passages import EndOfSourceError, Passage

CHARACTERS_PER_TOKEN = 8
"""Characters to draw for each wanted token, about twice what English needs."""

MAX_MISSES = 1_000
"""Passages in a row that may be too short or overlap before a source counts as used up."""


def draw(spec: TextSpec) -> Passage:
    """Return the passage that `spec` names; the same one whenever and wherever it is drawn.

    Raises:
        BadInputError: if a file it names cannot be used, if the source has fewer passages, or
            if it is to be generated: that takes the model, so the worker does it.
        MissingAssetError: if the source is not on this disk and cannot be reached.
    """
    match spec:
        case OwnSpec():
            return own.passage(spec)
        case SeenSpec():
            return shakespeare.passage(spec)
        case PG19Spec():
            return pg19.passage(spec)
        case UnseenSpec():
            return unseen.passage(spec)
        case RandomSpec():
            return words.passage(spec)
        case CorpusSpec():
            return corpus.passage(spec)
        case GeneratedSpec():
            raise BadInputError(
                tr(
                    "A continuation is sampled from the model and cannot be drawn without it. "
                    "Choose a model first."
                )
            )
        case _:
            assert_never(spec)


def draw_many(
    source: str,
    count: int,
    seed: int,
    tokenizer: Tokenizer,
    length: int,
    path: Path | None = None,
) -> list[Passage]:
    """Return `count` passages whose first `length` tokens differ and do not overlap.

    They are the first ones in the seed's order that are long enough, so that fewer passages
    with the same seed are the beginning of more of them.

    Args:
        source: any but `own` and `generated`.
        count: how many.
        seed: sets the order.
        tokenizer: the chosen model's.
        length: tokens that every passage has at least.
        path: the corpus (needed there) or the GloVe file (for `random`).

    Raises:
        BadInputError: if a number is out of range or the source has too few such passages.
        MissingAssetError: if the source is not on this disk and cannot be reached.
    """
    if source in ("own", "generated"):
        raise BadInputError(
            tr("Texts of the source “{source}” are not drawn; give them one by one.", source=source)
        )
    if count < 1 or length < 1:
        raise BadInputError(tr("Choose at least one text of at least one token."))
    fields = {
        "seed": seed,
        "characters": max(PASSAGE_CHARACTERS, CHARACTERS_PER_TOKEN * length),
        **({} if path is None else {"path": path}),
    }
    passages: list[Passage] = []
    beginnings: set[tuple[int, ...]] = set()
    spans: dict[str, list[range]] = {}
    misses = 0
    for index in count_from():
        try:
            passage = draw(make_spec(source, index=index, **fields))
        except EndOfSourceError:
            break
        ids, _ = tokenizer.encode_prefix(passage.text, length)
        span = range(passage.start, passage.start + len(tokenizer.decode(ids)))
        taken = spans.setdefault(passage.work, [])
        if (
            len(ids) < length
            or tuple(ids) in beginnings
            or (passage.work and any(s.start < span.stop and span.start < s.stop for s in taken))
        ):
            misses += 1
            if misses == MAX_MISSES:
                break
            continue
        misses = 0
        passages.append(passage)
        beginnings.add(tuple(ids))
        taken.append(span)
        if len(passages) == count:
            return passages
    raise BadInputError(
        tr(
            "The source “{source}” gives {texts} of {tokens} that do not overlap, and {wanted} are "
            "wanted. Choose fewer or shorter ones.",
            source=source,
            texts=counted(len(passages), "text"),
            tokens=counted(length, "token"),
            wanted=f"{count:,}",
        )
    )


def continuation(spec: GeneratedSpec, context: Passage, text: str) -> Passage:
    """Return the passage that a model gave when it continued `context`.

    Args:
        spec: the request.
        context: what `draw(spec.context)` gives.
        text: what the model said.
    """
    return Passage(text, f"Continuation of {context.title}", spec)
