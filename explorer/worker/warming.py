"""A first step before anybody asks, so that Start answers at once."""

import contextlib
import importlib

import torch

from explorer.assets import catalog
from explorer.base.errors import ExplorerError
from explorer.model.pool import ModelPool
from explorer.specs.recipes import FAST
from explorer.training import Row, Trainer

LENGTH, RESTARTS = 24, 4
"""Shape of the step: what the page begins with."""


def warm_up(pool: ModelPool) -> None:
    """Load the embedded model if it is here, and take a step.

    The library that loads models comes first, with or without one: it takes seconds, which would be
    the first job's, and a death in them as well.
    """
    importlib.import_module("transformers.modeling_utils")
    card = catalog.known_models()[0]
    if card.folder is not None:
        with contextlib.suppress(ExplorerError):
            model = pool.searching(card.folder, card.name)
            pool.get(card.folder, card.name, torch.float32)
            rows = [Row(tuple(range(LENGTH)), seed) for seed in range(RESTARTS)]
            Trainer(model, rows, "e+mN", FAST).step(detail=True)
