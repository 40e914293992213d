"""What a set is made of: contexts, and the model's own continuations of them (D4, E6)."""

from collections.abc import Iterator

from explorer.assets.tokenizing import Tokenizer
from explorer.base.errors import BadInputError
from explorer.base.language import tr
from explorer.model.frozen import FrozenModel
from explorer.solutions.sets import SetContext, SetText
from explorer.specs.jobs import SolveSetSpec
from explorer.tasks.sampling import TRIES, continuation
from explorer.texts.drawing import draw_many
from explorer.texts.targets import target_ids


def gathered(spec: SolveSetSpec, tokenizer: Tokenizer) -> tuple[list[SetContext], list[SetText]]:
    """Return contexts and texts of a set whose texts a person gave.

    Texts with the same `context` belong together; one without is a context of its own.

    Raises:
        BadInputError: if a text is too short, or two have the same first N tokens.
    """
    contexts: dict[str, SetContext] = {}
    counts: dict[str, int] = {}
    found: list[SetText] = []
    for number, given in enumerate(spec.texts, start=1):
        ids = target_ids(given.text, tokenizer, spec.length)
        if any(ids == other.target_ids for other in found):
            raise BadInputError(
                tr(
                    "Text {number} has the same first {length} tokens as an earlier one. "
                    "Leave it out; more solutions of one text are what restarts are for.",
                    number=number,
                    length=spec.length,
                )
            )
        title = given.title or given.text[:60]
        key = given.context or f"\0{number}"
        contexts.setdefault(key, SetContext(title=given.context or title, source=given.source))
        counts[key] = counts.get(key, -1) + 1
        found.append(
            SetText(
                context=list(contexts).index(key),
                continuation=counts[key],
                target_ids=ids,
                text=tokenizer.decode(ids),
                title=title[:300],
                source=given.source,
            )
        )
    order = sorted(found, key=lambda text: (text.context, text.continuation))
    return list(contexts.values()), order


def contexts(spec: SolveSetSpec, tokenizer: Tokenizer) -> tuple[list[SetContext], list[list[int]]]:
    """Return the set's contexts and the token ids the model reads of each.

    Raises:
        BadInputError: if the source has too few passages.
        MissingAssetError: if it is not on this disk and cannot be reached.
    """
    if spec.source in ("own", "generated"):
        raise BadInputError(
            tr(
                "Contexts of the source “{source}” are not drawn. Choose another source, "
                "or gather the texts yourself.",
                source=spec.source,
            )
        )
    passages = draw_many(
        spec.source, spec.contexts, spec.seed, tokenizer, spec.context_length, spec.path
    )
    ids = [tokenizer.encode_prefix(p.text, spec.context_length)[0] for p in passages]
    found = [
        SetContext(title=p.title, source=p.source, text=tokenizer.decode(i))
        for p, i in zip(passages, ids, strict=True)
    ]
    return found, ids


def continuations(
    spec: SolveSetSpec,
    model: FrozenModel,
    drawn: list[SetContext],
    read: list[list[int]],
    known: tuple[SetText, ...] = (),
) -> Iterator[SetText]:
    """Yield the model's continuations of every context (multinomial, temperature 1).

    A sample that ends early (holds a special token) or that the set has already is drawn again
    with the next seed.

    Args:
        spec: what is wanted.
        model: samples; float32 gives the same texts on most machines.
        drawn: the contexts.
        read: their token ids.
        known: the first of them, which are there already and are not yielded again.

    Raises:
        BadInputError: if context and text have no room, or a context gives too few texts.
    """
    taken = {tuple(text.target_ids) for text in known}
    for c, (context, ids) in enumerate(zip(drawn, read, strict=True)):
        for g in range(spec.continuations):
            if c * spec.continuations + g < len(known):
                continue
            seeds = (sampling_seed(spec.seed, c, g, attempt) for attempt in range(TRIES))
            found = continuation(model, ids, spec.length, seeds, taken)
            if found is None:
                raise BadInputError(
                    tr(
                        "The model gives fewer than {continuations} different texts of {length} "
                        "tokens after “{title}”. Ask for fewer continuations or another seed.",
                        continuations=spec.continuations,
                        length=spec.length,
                        title=context.title,
                    )
                )
            seed, said = found
            taken.add(said)
            yield SetText(
                context=c,
                continuation=g,
                target_ids=list(said),
                text=model.tokenizer.decode(list(said)),
                title=f"Continuation {g + 1} of {context.title}"[:300],
                sampling_seed=seed,
                sampled_in=model.number_format,
            )


def sampling_seed(seed: int, context: int, continuation: int, attempt: int) -> int:
    """Return the seed with which a continuation is sampled; different for different texts."""
    return ((seed * 500 + context) * 100 + continuation) * TRIES + attempt
