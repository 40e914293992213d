"""A race of the restarts of one text, where one exact restart is enough: the worse ones rest early.

Rows that will be exact first stand out after a few steps, a row far ahead of the next wins almost
always. So the others need not be paid for: after the warm-up those whose loss is above the recipe's
multiple of the leader's, and from `halve_at` on the worse half, or all but one far ahead
(successive halving). Chosen by replaying 56 races in which none rested (`benchmarks/README.md`, A
race from the warm-up on): of N = 24 as many steps and an eighth less time than halving at step 20
alone.

They come back one by one if the leaders take long, end without being exact or fall back.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from explorer.specs.recipes import Recipe
from explorer.specs.schedules import places
from explorer.training.rows import DONE, FINISH, REST, SEARCH, Group, Row

LEAD = 1.5
"""By how much the next restart's loss is above the leader's, as a ratio, when the leader goes on
alone after the halving."""


def restarts_of_a_text(rows: Sequence[Row], groups: Sequence[Group]) -> list[list[int]]:
    """Return the rows that train one text by themselves, together with those that do too."""
    by_text: defaultdict[object, list[int]] = defaultdict(list)
    for i in (group.rows[0] for group in groups if len(group.rows) == 1):
        by_text[rows[i].target_ids if rows[i].text is None else rows[i].text].append(i)
    return [restarts for restarts in by_text.values() if len(restarts) > 1]


def arrange(groups: Sequence[Group], losses: Mapping[int, float], recipe: Recipe) -> None:
    """Let the best restarts of one text train and the others rest.

    Args:
        groups: the restarts, each a group of its own; their phases are changed. One in its last
            steps goes on, and comes before the others.
        losses: the last measured loss of each restart, by the index of its row.
        recipe: says from when on some rest.
    """
    alive = [group for group in groups if group.phase != DONE]
    order = sorted(alive, key=lambda group: (group.phase != FINISH, losses[group.rows[0]]))
    found, steps = [losses[group.rows[0]] for group in order], max(g.steps for g in groups)
    racing = recipe.halve_at is None or steps < recipe.halve_at
    above = (recipe.rest_above if racing else LEAD) or math.inf
    near = 1 + sum(loss <= above * found[0] for loss in found[1:])  # the leader, whatever its loss
    room = places(recipe, len(groups), steps, near)
    for place, group in enumerate(order):
        if group.phase != FINISH:
            group.phase = SEARCH if place < room else REST
