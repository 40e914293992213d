"""Which row uses which vectors, and which rows move together because they share some."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from explorer.specs.arrangements import ArrangementKey, holds_m
from explorer.training.rows import Group, Row


def table(
    rows: Sequence[Row], pairs: Sequence[Float[Tensor, "2 d"]]
) -> tuple[Float[Tensor, "V d"], Int[Tensor, "rows 2"]]:
    """Return all different vectors, float32, and which two each row uses as its e and m.

    Args:
        rows: those with the same key share one vector.
        pairs: where each row's e and m start; a shared vector starts as its first row's.
    """
    index: dict[tuple[str, str | int], int] = {}
    values: list[Tensor] = []
    uses: list[list[int]] = []
    for i, (row, pair) in enumerate(zip(rows, pairs, strict=True)):
        keys = (
            ("e", i if row.e_key is None else row.e_key),
            ("m", i if row.m_key is None else row.m_key),
        )
        for key, value in zip(keys, pair, strict=True):
            if key not in index:
                index[key] = len(values)
                values.append(value.float())
        uses.append([index[key] for key in keys])
    return torch.stack(values), torch.tensor(uses)


def groups_of(
    rows: Sequence[Row],
    uses: Int[Tensor, "rows 2"],
    arrangement: ArrangementKey,
    frozen: Collection[Literal["e", "m"]] = (),
) -> list[Group]:
    """Return the groups of rows that are connected through shared vectors.

    A group's vectors are those that move: an m that does not occur in any input, or is frozen,
    stays where it starts.
    """
    pairs: list[list[int]] = uses.tolist()
    occurring = {e for e, _ in pairs} | {
        m
        for row, (_, m) in zip(rows, pairs, strict=True)
        if holds_m(arrangement, len(row.target_ids)).any()
    }
    resting = {pair["em".index(name)] for pair in pairs for name in frozen}
    groups = _connected(pairs)
    for group in groups:
        group.vectors = [v for v in group.vectors if v in occurring - resting]
    return groups


def _connected(uses: list[list[int]]) -> list[Group]:
    """Group rows that are connected through shared vectors, in order of their first row."""
    leader = {v: v for pair in uses for v in pair}
    for a, b in uses:
        keep, drop = sorted((leader[a], leader[b]))
        if keep != drop:
            leader = {v: keep if lead == drop else lead for v, lead in leader.items()}
    groups: defaultdict[int, Group] = defaultdict(lambda: Group([], []))
    for i, pair in enumerate(uses):
        group = groups[leader[pair[0]]]
        group.rows.append(i)
        group.vectors += [v for v in pair if v not in group.vectors]
    return list(groups.values())
