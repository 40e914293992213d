"""Texts that a model writes itself: sampled continuations of a context (D4)."""

from collections.abc import Collection, Iterable, Sequence

from explorer.base.errors import BadInputError
from explorer.base.language import tr
from explorer.model.frozen import FrozenModel
from explorer.model.metrics import generate

TRIES = 50
"""Seeds that are tried for one continuation."""


def continuation(
    model: FrozenModel,
    context: Sequence[int],
    length: int,
    seeds: Iterable[int],
    taken: Collection[tuple[int, ...]] = (),
) -> tuple[int, tuple[int, ...]] | None:
    """Sample tokens after a context (multinomial, temperature 1) until they make a text.

    What ends early (holds a special token) or is taken makes none.

    Args:
        model: samples; float32 gives the same texts on most machines.
        context: token ids.
        length: tokens to sample.
        seeds: to try, one after the other.
        taken: texts that are not wanted again.

    Returns:
        The seed that made a text, and its token ids; None if no seed did.

    Raises:
        BadInputError: if context and text are longer than the model's positions.
    """
    if len(context) + length > model.max_positions:
        raise BadInputError(
            tr(
                "{context} tokens of context and {length} of text are more than the "
                "{max_positions} positions of this model. Choose shorter lengths.",
                context=len(context),
                length=length,
                max_positions=model.max_positions,
            )
        )
    added = model.tokenizer.backend.get_added_tokens_decoder()
    special = {i for i, token in added.items() if token.special}
    for seed in seeds:
        ids = tuple(generate(model, context, length, seed=seed))
        if ids not in taken and special.isdisjoint(ids):
            return seed, ids
    return None
