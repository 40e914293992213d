"""Restarts of one text compete when one exact restart is enough: the worse ones rest early.

Rows that will be exact first stand out after a few dozen steps: of four, the two best by loss at
step 20 held the first exact one in 17 of the 20 races this was chosen on, and waiting for the best
of them cost a step on average. A row far ahead of the next wins almost always. So the others need
not be paid for. They come back one by one if the leaders take long, end without being exact or fall
back. In a long text, asked for from its beginning, one that is asked for more than the next is
ahead of it.
"""

from collections.abc import Sequence

from explorer.recipes import Recipe
from explorer.training.rows import DONE, FINISH, REST, SEARCH, Group, RowState

WAKE_STEPS = 160
"""Steps of the leader, since it was last asked for more of its text, after which one more resting
restart goes on."""


LEAD = 1.5
"""By how much the next restart's loss is above the leader's, as a ratio, when the leader goes on
alone."""


def places(recipe: Recipe, restarts: int, steps: int, *, held: int, led: bool = False) -> int:
    """Return how many restarts of one text train at a time.

    All of them, from `halve_at` on half of them, or one while it leads (`LEAD`); and one more after
    every `WAKE_STEPS` for which the leader does not get further.

    Args:
        recipe: says from when on some rest.
        restarts: how many the text has.
        steps: of the restart that has taken most.
        held: steps of the leader since it was last asked for more, or since its start.
        led: whether it is far ahead.
    """
    if recipe.halve_at is None or steps < recipe.halve_at:
        return restarts
    ahead = 1 if led else (restarts + 1) // 2
    return min(restarts, ahead + max(0, held - recipe.halve_at) // WAKE_STEPS)


def arrange(groups: Sequence[Group], states: Sequence[RowState], recipe: Recipe) -> None:
    """Let the best restarts of one text train and the others rest.

    Args:
        groups: the restarts, each a group of its own; their phases are changed. One in its last
            steps goes on, and comes before the others.
        states: the last measurement of every row. A restart that is asked for more of its text
            comes before one that is asked for less, and among equals the lower loss decides.
        recipe: says from when on some rest.
    """
    alive = [group for group in groups if group.phase != DONE]
    order = sorted(alive, key=lambda group: (group.phase != FINISH, *_behind(group, states)))
    leader = states[order[0].rows[0]]
    led = len(order) > 1 and _leads(leader, states[order[1].rows[0]])
    steps = max(group.steps for group in groups)
    room = places(recipe, len(groups), steps, held=leader.held, led=led)
    for place, group in enumerate(order):
        if group.phase != FINISH:
            group.phase = SEARCH if place < room else REST


def _behind(group: Group, states: Sequence[RowState]) -> tuple[int, float]:
    state = states[group.rows[0]]
    return -state.reach, state.loss


def _leads(first: RowState, second: RowState) -> bool:
    return first.reach > second.reach or second.loss > LEAD * first.loss
