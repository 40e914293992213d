"""Restarts of one text compete when one exact restart is enough: the worse half rests early.

Rows that will be exact first stand out after a few dozen steps (the two best of four by loss at
step 40 held the first exact one in every text this was chosen on), so the others need not be
paid for. They come back one by one if the leaders take long or end without being exact.
"""

from collections.abc import Mapping, Sequence

from explorer.recipes import Recipe
from explorer.training.rows import DONE, FINISH, REST, SEARCH, Group

WAKE_STEPS = 160
"""Steps of the leaders after which one more resting restart goes on."""


def places(recipe: Recipe, restarts: int, steps: int) -> int:
    """Return how many restarts of one text train at a time after so many steps of the leader."""
    if recipe.halve_at is None or steps < recipe.halve_at:
        return restarts
    return min(restarts, (restarts + 1) // 2 + (steps - recipe.halve_at) // WAKE_STEPS)


def arrange(groups: Sequence[Group], losses: Mapping[int, float], recipe: Recipe) -> None:
    """Let the worse restarts of one text rest, or the best of those that rest go on.

    Args:
        groups: the restarts, each a group of its own; their phases are changed.
        losses: the last measured loss of each restart, by the index of its row.
        recipe: says when the worse half rests.
    """
    steps = max(group.steps for group in groups)
    room = places(recipe, len(groups), steps)
    alive = [group for group in groups if group.phase != DONE]
    order = sorted(alive, key=lambda group: (group.phase != FINISH, losses[group.rows[0]]))
    active = [group for group in order if group.phase != REST]
    resting = [group for group in order if group.phase == REST]
    for group in active[room:]:
        if group.phase == SEARCH:
            group.phase = REST
    for group in resting[: max(0, room - len(active))]:
        group.phase = SEARCH
