"""Successive halving of the restarts of one text, where one exact restart is enough.

The worse ones rest early.

Rows that will be exact first stand out after a few dozen steps: of four, the two best by loss at
step 20 held the first exact one in 17 of the 20 races this was chosen on, and waiting for the best
of them cost a step on average. A row far ahead of the next wins almost always. So the others need
not be paid for. They come back one by one if the leaders take long, end without being exact or fall
back.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from explorer.specs.recipes import Recipe
from explorer.specs.schedules import places
from explorer.training.rows import DONE, FINISH, REST, SEARCH, Group, Row

LEAD = 1.5
"""By how much the next restart's loss is above the leader's, as a ratio, when the leader goes on
alone."""


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
    ahead = [losses[group.rows[0]] for group in order[:2]]
    led = len(ahead) == 2 and ahead[1] > LEAD * ahead[0]
    room = places(recipe, len(groups), max(group.steps for group in groups), led=led)
    for place, group in enumerate(order):
        if group.phase != FINISH:
            group.phase = SEARCH if place < room else REST
