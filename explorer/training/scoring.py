"""What rows' best vectors are worth, in float32: measured once, those of one length together."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from explorer.model.frozen import FrozenModel
from explorer.model.metrics import Score
from explorer.training.layouts import Layout


def of_one_length(rows: Iterable[int], targets: Sequence[Int[Tensor, " N"]]) -> list[list[int]]:
    """Return rows by the length of their targets, in their order."""
    by_length: defaultdict[int, list[int]] = defaultdict(list)
    for i in rows:
        by_length[len(targets[i])].append(i)
    return list(by_length.values())


class Scores:
    """Scores of one training's rows, each measured anew only once its vectors have changed."""

    def __init__(
        self,
        layout: Layout[Any],
        targets: Sequence[Int[Tensor, " N"]],
        model: Callable[[], FrozenModel],
    ) -> None:
        """Begin without any.

        Args:
            layout: of all rows.
            targets: of each.
            model: gives the one that measures, when first needed.
        """
        self._layout, self._targets, self._model = layout, targets, model
        self._known: dict[int, tuple[np.ndarray, Score]] = {}

    @torch.no_grad()
    def of(self, rows: Sequence[int], best: Float[Tensor, "all W d"], at_once: int) -> list[Score]:
        """Return what rows are worth.

        Weights are read once for all that are measured together: alone, a short row takes as long
        as several.

        Args:
            rows: which.
            best: vectors of every row.
            at_once: how many rows memory allows in one pass.
        """
        own = {i: best[i].cpu().numpy().copy() for i in rows}
        new = [i for i in rows if i not in self._known or (self._known[i][0] != own[i]).any()]
        for same in of_one_length(new, self._targets):
            for k in range(0, len(same), at_once):
                some = same[k : k + at_once]
                targets = torch.stack([self._targets[i] for i in some])
                found = self._layout.scores(self._model(), best[some], targets)
                self._known |= {i: (own[i], one) for i, one in zip(some, found, strict=True)}
        return [self._known[i][1] for i in rows]
