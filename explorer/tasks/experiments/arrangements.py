"""Measures a cell of the arrangements: all texts and restarts at one N, side by side (E1)."""

from collections import Counter

import numpy as np
import torch

from explorer.experiments.runs import Cell
from explorer.model.frozen import FrozenModel
from explorer.model.metrics import input_sequence
from explorer.specs.arrangements import ARRANGEMENTS, ArrangementKey, read_from
from explorer.specs.experiments import ArrangementsSettings
from explorer.tasks.experiments.bench import Bench, Measuring
from explorer.training import Outcome, Row
from explorer.training.layouts import OnePass


def measure(bench: Bench, settings: ArrangementsSettings, cell: Cell) -> Measuring:
    """Train the cell's rows and score each in float32.

    A text's seed follows from the restart and the text alone: it starts from the same place at
    every N and in every arrangement, and no two texts start from the same one.
    """
    key: ArrangementKey = cell.at["arrangement"]
    n = int(cell.at["n"])
    found = yield from bench.texts(
        settings.source, settings.texts, max(settings.lengths), settings.seed
    )
    texts = [(k, restart) for k in range(len(found)) for restart in range(settings.restarts)]
    rows = [
        Row(found[k].ids[:n], settings.seed + restart * settings.texts + k, text=k)
        for k, restart in texts
    ]
    layout = OnePass.of(key, bench.model)
    outcomes = yield from bench.train(rows, layout, settings.recipe, until="first")
    return [
        {
            "arrangement": key,
            "id": ARRANGEMENTS[key].checklist_id,
            "n": n,
            "text": k,
            "restart": restart,
            "correct": outcome.score.correct.astype(int).tolist(),
            "most_frequent": max(Counter(outcome.row.target_ids).values()) / n,
            "difference": difference(bench.exact, outcome, key),
            **bench.keep(outcome, found[k], layout, settings.recipe),
        }
        for (k, restart), outcome in zip(texts, outcomes, strict=True)
    ]


@torch.no_grad()
def difference(model: FrozenModel, found: Outcome, key: ArrangementKey) -> float:
    """Return how far the logits at any position are from those at the first, at most (I5).

    In units of the first position's own deviation over the vocabulary.
    """
    n = len(found.row.target_ids)
    e, m = (torch.from_numpy(np.array(v))[None].to(model.device) for v in (found.e, found.m))
    start = read_from(key)
    logits = model.logits(input_sequence(model, e, m, key, n))[0, start : start + n].float()
    return float((logits - logits[:1]).abs().max() / logits[0].std())
