"""What is measured on: the embedded model; texts to choose settings on, others to report on."""

import sys
from pathlib import Path

from explorer.assets import catalog
from explorer.assets.catalog import ModelCard
from explorer.model.frozen import FrozenModel
from explorer.model.metrics import generate
from explorer.specs.texts import GeneratedSpec, OwnSpec, RandomSpec, SeenSpec, UnseenSpec
from explorer.texts.drawing import draw
from explorer.texts.passages import Passage
from explorer.texts.targets import target_ids

OWN = (
    "The ferry leaves at dawn, and nobody on the pier has ever seen who is steering it, not even "
    "the gulls.",
    "def area(radius):\n    return 3.14159 * radius ** 2  # in square metres, for a circle of any "
    "size at all",
    "Wer den Hafen kennt, weiß, dass der Nebel im Oktober früher kommt als die Fähre.",
    "Dear neighbour, the parcel you are waiting for was left with us on Tuesday; ring any evening "
    "after six and mind the dog.",
)
CONTEXT_TOKENS = 48
"""What the model reads before it continues, for generated texts."""


def embedded() -> tuple[ModelCard, Path]:
    """Return the model that everything is measured on, and the folder that holds it.

    Raises:
        SystemExit: with a sentence, if it is not on this disk.
    """
    card = catalog.known_models()[0]
    if card.folder is None:
        sys.exit(f"{card.title} is not downloaded yet. Download it with: python -m explorer assets")
    return card, card.folder


def chosen_on() -> list[Passage]:
    """Return the texts that settings may be chosen on."""
    return [
        *(draw(UnseenSpec(seed=None, index=i)) for i in (0, 4, 10, 13)),
        *(draw(SeenSpec(seed=1, index=i)) for i in range(3)),
        *(draw(RandomSpec(seed=1, index=i)) for i in range(3)),
    ]


def reported_on(model: FrozenModel | None) -> dict[str, Passage]:
    """Return 20 texts of every offline source, four each, none of those settings were chosen on.

    Args:
        model: continues contexts from Shakespeare (multinomial, temperature 1); without one the
            four texts of that source are left out.
    """
    own = [draw(OwnSpec(text=text)) for text in OWN]
    unseen = [draw(UnseenSpec(seed=None, index=i)) for i in (1, 2, 7, 11)]
    seen = [draw(SeenSpec(seed=2, index=i)) for i in range(4)]
    words = [draw(RandomSpec(seed=2, index=i)) for i in range(4)]
    contexts = [draw(SeenSpec(seed=3, index=i)) for i in range(4)]
    said = [] if model is None else [_continued(model, c, k) for k, c in enumerate(contexts)]
    groups = (own, unseen, seen, words, said)
    return {f"{p.source} {k}": p for group in groups for k, p in enumerate(group, 1)}


def _continued(model: FrozenModel, context: Passage, seed: int) -> Passage:
    ids = model.tokenizer.encode(context.text)[:CONTEXT_TOKENS]
    spec = GeneratedSpec(
        context=SeenSpec(seed=3, index=seed),
        context_length=CONTEXT_TOKENS,
        length=160,
        seed=seed,
    )
    text = model.tokenizer.decode(list(generate(model, ids, spec.length, seed=seed)))
    return Passage(text=text, title=f"Continuation {seed}", spec=spec)


def target(model: FrozenModel, passage: Passage, length: int) -> tuple[int, ...]:
    """Return the first `length` token ids of a passage."""
    return tuple(target_ids(passage.text, model.tokenizer, length))
