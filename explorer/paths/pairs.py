"""Which solutions a path can connect: two exact ones of one text, model and arrangement."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from explorer.base.errors import BadInputError
from explorer.base.formatting import shortened
from explorer.base.language import tr
from explorer.solutions.solution import Solution
from explorer.specs.jobs import MAX_PAIRS


def vector(solution: Solution) -> NDArray[np.float32]:
    """Return [e; m] of a solution, float32 (2 d_model,): the space in which curves live."""
    return np.concatenate([solution.e, solution.m]).astype(np.float32)


def text_key(solution: Solution) -> tuple[int, ...]:
    """Return what two solutions must share to be of one text: the target ids."""
    return tuple(solution.target_ids.tolist())


def require_pair(a: Solution, b: Solution) -> None:
    """Make sure that a path from a to b means something.

    Raises:
        BadInputError: with what is possible instead.
    """
    require_usable(a, b)
    if text_key(a) != text_key(b):
        raise BadInputError(
            tr(
                "These solutions output different texts, “{a}” and “{b}”, so no point between them "
                "could be right. Pick two solutions of one text, such as two restarts of a run.",
                a=shortened(a.record.text, 40),
                b=shortened(b.record.text, 40),
            )
        )
    if a.record.id == b.record.id or np.array_equal(vector(a), vector(b)):
        raise BadInputError(
            tr(
                "Both ends are the same solution, so the path would be a single point. Pick two "
                "restarts with different seeds."
            )
        )


def require_usable(a: Solution, *others: Solution) -> None:
    """Make sure that solutions are exact, and of one model, arrangement and N.

    Raises:
        BadInputError: with what is possible instead.
    """
    for s in (a, *others):
        if not s.record.exact:
            raise BadInputError(
                tr(
                    "The solution with seed {seed} is not exact: {correct} of its {length} tokens "
                    "are correct. A path needs two exact ends; pick another restart, or train with "
                    "more restarts or a shorter length.",
                    seed=s.record.seed,
                    correct=s.record.c_tokens,
                    length=s.length,
                )
            )
    for b in others:
        if a.record.fingerprint != b.record.fingerprint:
            raise BadInputError(
                tr(
                    "These solutions belong to different models, {model} and {other} (weights "
                    "{weights} and {others}). Pick solutions of one model.",
                    model=a.record.model,
                    other=b.record.model,
                    weights=a.record.fingerprint[:8],
                    others=b.record.fingerprint[:8],
                )
            )
        if a.length != b.length:
            raise BadInputError(
                tr(
                    "These solutions have different lengths, {length} and {other} tokens. Pick "
                    "solutions of one length, or train the text again with the length you want.",
                    length=a.length,
                    other=b.length,
                )
            )
        laid = [
            r.arrangement
            if r.sink is None
            else tr("{name} with token {number} as the sink", name=r.arrangement, number=r.sink)
            for r in (a.record, b.record)
        ]
        if laid[0] != laid[1]:
            raise BadInputError(
                tr(
                    "These solutions have different arrangements, {one} and {other}, so a point "
                    "between them has no input sequence. Pick solutions of one arrangement.",
                    one=laid[0],
                    other=laid[1],
                )
            )


def all_pairs(solutions: Sequence[Solution]) -> list[tuple[Solution, Solution]]:
    """Return every pair of exact solutions of one text, text by text (E8).

    Inexact solutions and copies of the same vectors are left out.

    Raises:
        BadInputError: if no text has two, if there are more than `MAX_PAIRS` pairs, or if models,
            lengths or arrangements are mixed.
    """
    by_text: defaultdict[tuple[int, ...], dict[bytes, Solution]] = defaultdict(dict)
    for s in solutions:
        if s.record.exact:
            by_text[text_key(s)].setdefault(vector(s).tobytes(), s)
    pairs = [p for group in by_text.values() for p in combinations(group.values(), 2)]
    if not pairs:
        raise BadInputError(
            tr(
                "No two of these solutions are exact and of the same text, so there is nothing to "
                "connect. Train one text with several restarts."
            )
        )
    if len(pairs) > MAX_PAIRS:
        raise BadInputError(
            tr(
                "These solutions make {count} pairs; at most {most} are connected at once. "
                "Leave some texts or restarts out.",
                count=len(pairs),
                most=MAX_PAIRS,
            )
        )
    used = {s.record.id: s for pair in pairs for s in pair}
    require_usable(*used.values())
    return pairs
