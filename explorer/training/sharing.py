"""Which row uses which vectors, and which rows move together because they share some."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from explorer.training.layouts import Layout
from explorer.training.rows import Group, Row


def table(
    rows: Sequence[Row], layout: Layout[Any], starts: Sequence[Float[Tensor, "W d"]]
) -> tuple[Float[Tensor, "V d"], Int[Tensor, "rows W"]]:
    """Return all different vectors, float32, and which W of them each row uses.

    Args:
        rows: those with the same key share one vector.
        layout: which vectors a row has.
        starts: where each row's vectors start; a shared vector starts as its first row's.
    """
    index: dict[tuple[int, str | int], int] = {}
    values: list[Tensor] = []
    uses: list[list[int]] = []
    for i, (row, own) in enumerate(zip(rows, starts, strict=True)):
        keys = [(w, i if key is None else key) for w, key in enumerate(layout.keys(row))]
        for key, value in zip(keys, own, strict=True):
            if key not in index:
                index[key] = len(values)
                values.append(value.float())
        uses.append([index[key] for key in keys])
    return torch.stack(values), torch.tensor(uses)


def groups_of(
    rows: Sequence[Row],
    uses: Int[Tensor, "rows W"],
    layout: Layout[Any],
    frozen: Collection[str] = (),
) -> list[Group]:
    """Return the groups of rows that are connected through shared vectors.

    A group's vectors are those that move: an m that does not occur in any input, or is frozen,
    stays where it starts.
    """
    used: list[list[int]] = uses.tolist()
    moving = {
        vector
        for row, own in zip(rows, used, strict=True)
        for vector, moves in zip(own, layout.moving(len(row.target_ids), frozen), strict=True)
        if moves
    }
    groups = _connected(used)
    for group in groups:
        group.vectors = [v for v in group.vectors if v in moving]
    return groups


def _connected(uses: list[list[int]]) -> list[Group]:
    """Group rows that are connected through shared vectors, in order of their first row."""
    leader = {v: v for own in uses for v in own}
    for own in uses:
        joined = {leader[v] for v in own}
        if len(joined) > 1:
            keep = min(joined)
            leader = {v: keep if lead in joined else lead for v, lead in leader.items()}
    groups: defaultdict[int, Group] = defaultdict(lambda: Group([], []))
    for i, own in enumerate(uses):
        group = groups[leader[own[0]]]
        group.rows.append(i)
        group.vectors += [v for v in own if v not in group.vectors]
    return list(groups.values())
