"""How much memory a model takes, and whether that is free."""

import psutil

from explorer.assets.catalog import ModelCard
from explorer.base.errors import ModelError
from explorer.base.formatting import human_bytes
from explorer.base.language import tr
from explorer.runtime import limits

RUNTIME_BYTES = 650_000_000
"""Python, torch and the working space of one batch: what four restarts of the embedded model take
besides its weights, .57 GB at N = 12 and some .65 at N = 24. Where less is free, batches are split.
"""
LOADED_BYTES = 350_000_000
"""The part of it that a process holds once it has loaded Python, torch and transformers."""


def needed_by(card: ModelCard, bytes_per_parameter: int = 4) -> int | None:
    """Estimate the memory in bytes that training on a model takes.

    The weights once, in the format they run in, plus `RUNTIME_BYTES`. Two vectors and their
    gradients weigh nothing beside that; activations of long texts in many restarts come on top,
    and training splits its batches when they do not fit.

    Args:
        card: the model.
        bytes_per_parameter: 4 for float32, 2 for bfloat16.

    Returns:
        None if the number of parameters is not known yet.
    """
    if card.parameters is None:
        return None
    return card.parameters * bytes_per_parameter + RUNTIME_BYTES


def fits(card: ModelCard, bytes_per_parameter: int = 4) -> bool:
    """Return whether the memory that is free now is enough (True while the size is unknown).

    What this process has loaded already is not needed again.
    """
    return not _lacking(card, bytes_per_parameter)


def require_fits(card: ModelCard, bytes_per_parameter: int = 4) -> None:
    """Make sure that a model fits into the memory that is free now.

    Raises:
        ModelError: if it does not.
    """
    if lacking := _lacking(card, bytes_per_parameter):
        raise ModelError(lacking)


def _lacking(card: ModelCard, bytes_per_parameter: int) -> str:
    """Say how much memory a model needs, if it is more than is free; else nothing."""
    needed = needed_by(card, bytes_per_parameter) or 0
    needed -= min(LOADED_BYTES, psutil.Process().memory_info().rss)
    free, limit = limits.memory_free(), limits.memory_limit()
    if needed <= free:
        return ""
    told = {"model": card.title, "needed": human_bytes(needed), "free": human_bytes(free)}
    if limit:
        return tr(
            "{model} needs about {needed} of memory besides what is loaded, and {free} of the "
            "{limit} that this container may use are free. Choose a smaller model or close other "
            "programs.",
            limit=human_bytes(limit),
            **told,
        )
    return tr(
        "{model} needs about {needed} of memory besides what is loaded, and {free} are free. "
        "Choose a smaller model or close other programs.",
        **told,
    )
