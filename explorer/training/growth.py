"""A long text is trained from its beginning: the first tokens, then more and more of them.

In one pass over a causal model the first k outputs do not depend on what is asked of later
positions, so a pair of vectors that says the first k tokens is a start for k' > k, and cheaper to
find: a step costs what its positions cost, and a row that says its beginning falls towards the rest
sooner than one that is asked for everything at once (`benchmarks/README.md`).
"""

from explorer.recipes import Recipe

GROW_AT = 0.8
"""Share of the tokens asked for that are right when more are asked for."""
GROW_BY = 1.6
"""By how much more, as a factor."""
EVEN = 8
"""Lengths are multiples of it, so that rows of several texts share passes of equal length."""


def first_reach(recipe: Recipe, length: int) -> int:
    """Return how many of `length` target tokens are asked for from the first step."""
    return length if recipe.grow_from is None else min(recipe.grow_from, length)


def next_reach(reach: int, length: int, right: int) -> int:
    """Return how many target tokens are asked for at the next step.

    Args:
        reach: how many were asked for at this one.
        length: N, how many the text has.
        right: how many of those asked for were said.
    """
    if right < GROW_AT * reach:
        return reach
    return min(length, -(-int(GROW_BY * reach) // EVEN) * EVEN)
